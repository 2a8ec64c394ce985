"""Two tenants on one suite: neither sees, lists, downloads or guesses what is the other's."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import grpc
import httpx
import pytest
from stellaops.export.v1 import (
    distributions_pb2,
    distributions_pb2_grpc,
    profiles_pb2,
    profiles_pb2_grpc,
    runs_pb2,
    runs_pb2_grpc,
)

from tests.kit import made_up
from tests.kit.suite import Suite, running_suite, short

ROUTES = (
    "profiles/secret-plan",
    "profiles/secret-plan/revisions",
    "profiles/secret-plan/revisions/r1",
    "runs/{run}",
    "runs/{run}/events",
    "runs/{run}/distributions/download",
    "runs/{run}/files",
    "runs/{run}/bundle",
    "runs/{run}/manifest",
    "runs/{run}/provenance",
    "runs/{run}/signatures",
    "runs/{run}/files/export.json",
)


@dataclass
class Two:
    """A suite where tenant acme has a run and tenant beta has nothing."""

    suite: Suite
    run: str
    tokens: dict[str, str]

    def get(self, path: str, tenant: str, named: str | None = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.tokens[tenant]}"}
        if named is not None:
            headers["X-Stella-Tenant"] = named
        return httpx.get(
            f"{self.suite.url}/api/export/{path.format(run=self.run)}", headers=headers, timeout=30
        )


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    place = tmp_path_factory.mktemp("tenants")
    with running_suite(place / "data") as suite:
        tokens = {tenant: suite.token(tenant, "admin") for tenant in ("acme", "beta")}
        folder = made_up.write(place / "osv-acme", (made_up.advisory(number) for number in range(50)))
        suite.stella("evidence", "import", folder, tenant="acme")
        suite.stella("export", "profile", "create", "secret-plan", "--kind", "json:raw", tenant="acme")
        run = suite.json("export", "run", "start", "secret-plan", "--wait", tenant="acme")
        yield Two(suite, short(run), tokens)


def strip(body: dict[str, Any]) -> dict[str, Any]:
    """Leave out what differs in every answer."""
    return {name: value for name, value in body.items() if name not in ("traceId", "timestamp")}


@pytest.mark.parametrize("route", ROUTES)
def test_over_rest_the_owner_sees_and_the_other_gets_what_was_never_there(two: Two, route: str) -> None:
    assert two.get(route, "acme").status_code == 200
    other = two.get(route, "beta")
    absent = two.get(
        route.replace("secret-plan", "no-such-plan").replace("{run}", "0" * len(two.run)), "beta"
    )
    assert (other.status_code, absent.status_code) == (404, 404)
    hidden = strip(other.json())
    never = strip(absent.json())
    text = str(hidden).replace("secret-plan", "NAME").replace(two.run, "NAME")
    assert text == str(never).replace("no-such-plan", "NAME").replace("0" * len(two.run), "NAME")


@pytest.mark.parametrize("route", ROUTES)
def test_over_rest_a_token_cannot_name_another_tenant(two: Two, route: str) -> None:
    assert two.get(route, "beta", named="acme").status_code == 403


@pytest.mark.parametrize("route", ["profiles", "runs", "distributions"])
def test_over_rest_lists_hold_ones_own_alone(two: Two, route: str) -> None:
    assert two.run in two.get(route, "acme").text or "secret-plan" in two.get(route, "acme").text
    listed = two.get(route, "beta").json()
    assert not any(listed.values()), listed


def test_over_rest_the_deliveries_of_a_run_that_is_not_ones_own_are_none(two: Two) -> None:
    # The distributor knows deliveries, not runs: of another's run it has as few as of one that never was.
    assert two.run in two.get("runs/{run}/distributions", "acme").text
    assert not any(two.get("runs/{run}/distributions", "beta").json().values())
    assert two.get("runs/{run}/distributions", "beta", named="acme").status_code == 403


def test_without_a_token_there_is_no_door(two: Two) -> None:
    for route in ROUTES:
        answer = httpx.get(f"{two.suite.url}/api/export/{route.format(run=two.run)}", timeout=30)
        assert answer.status_code == 401


def test_the_command_tells_the_other_tenant_nothing(two: Two) -> None:
    for command in (
        ("run", "show", two.run),
        ("run", "cancel", two.run),
        ("run", "retry", two.run),
        ("download", two.run, "-o", str(two.suite.data / "stolen.tar")),
        ("profile", "show", "secret-plan"),
        ("profile", "delete", "secret-plan"),
        ("run", "start", "secret-plan"),
    ):
        ended = two.suite.try_stella("export", *command, tenant="beta")
        assert ended.returncode == 4, (command, ended.stderr)
    assert not (two.suite.data / "stolen.tar").exists()
    assert two.suite.json("export", "run", "list", tenant="beta") in ([], {}, {"runs": []})
    assert "osv-acme" not in two.suite.stella("evidence", "status", tenant="beta")
    assert two.suite.json("export", "run", "show", two.run, tenant="acme")["state"] == "STATE_SUCCEEDED"


def test_over_grpc_the_other_tenant_finds_nothing(two: Two) -> None:
    asyncio.run(_over_grpc(two))


async def _over_grpc(two: Two) -> None:
    addresses = _addresses(two.suite)
    own, other = (((("authorization", f"Bearer {two.tokens[tenant]}"),)) for tenant in ("acme", "beta"))
    name = f"tenants/acme/runs/{two.run}"
    async with (
        grpc.aio.insecure_channel(addresses["planner"]) as planner,
        grpc.aio.insecure_channel(addresses["distributor"]) as distributor,
    ):
        runs = runs_pb2_grpc.RunServiceStub(planner)
        profiles = profiles_pb2_grpc.ProfileServiceStub(planner)
        deliveries = distributions_pb2_grpc.DistributionServiceStub(distributor)
        assert (await runs.GetRun(runs_pb2.GetRunRequest(name=name), metadata=own)).name == name
        guesses = (
            runs.GetRun(runs_pb2.GetRunRequest(name=name), metadata=other),
            runs.GetRun(runs_pb2.GetRunRequest(name=f"tenants/beta/runs/{two.run}"), metadata=other),
            runs.WatchRun(runs_pb2.WatchRunRequest(name=name), metadata=other).read(),
            profiles.GetProfile(
                profiles_pb2.GetProfileRequest(name="tenants/acme/profiles/secret-plan"), metadata=other
            ),
            deliveries.ListBundleFiles(distributions_pb2.ListBundleFilesRequest(parent=name), metadata=other),
            deliveries.Download(distributions_pb2.DownloadRequest(parent=name), metadata=other).read(),
        )
        for guess in guesses:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await guess
            assert caught.value.code() is grpc.StatusCode.NOT_FOUND, caught.value
        listed = await runs.ListRuns(runs_pb2.ListRunsRequest(), metadata=other)
        assert not listed.runs
        with pytest.raises(grpc.aio.AioRpcError) as denied:
            await runs.GetRun(
                runs_pb2.GetRunRequest(name=name), metadata=(*other, ("x-stella-tenant", "acme"))
            )
        assert denied.value.code() is grpc.StatusCode.PERMISSION_DENIED


def _addresses(suite: Suite) -> dict[str, str]:
    return {
        name: (suite.data / "run" / f"{name}.ready").read_text(encoding="utf-8").strip()
        for name in ("planner", "distributor")
    }
