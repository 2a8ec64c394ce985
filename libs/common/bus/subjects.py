"""Every subject, stream, consumer and permission of the bus."""

from __future__ import annotations

import re
from dataclasses import dataclass

from nats.js.api import RetentionPolicy

TOKEN = re.compile(r"[A-Za-z0-9_-]+")

RESULT_ADAPT = "export.result.adapt"
RESULT_ASSEMBLE = "export.result.assemble"
RESULT_SIGN = "export.result.sign"
RESULT_DISTRIBUTE = "export.result.distribute"
WORK_PLAN = "export.work.plan"
WORK_SIGN = "export.work.sign"
WORK_FORGET = "export.work.forget"
CANCEL_ALL = "export.cancel.*"


def _token(value: str) -> str:
    if not TOKEN.fullmatch(value):
        raise ValueError(f"not a subject token: {value!r}")
    return value


def work_adapt(kind: str, variant: str) -> str:
    """Return the subject of shards for one adapter."""
    return f"export.work.adapt.{_token(kind)}.{_token(variant)}"


def work_assemble(kind: str, variant: str) -> str:
    """Return the subject of assemblies for one adapter."""
    return f"export.work.assemble.{_token(kind)}.{_token(variant)}"


def work_distribute(driver: str) -> str:
    """Return the subject of deliveries for one driver."""
    return f"export.work.distribute.{_token(driver)}"


def event(tenant: str, run: str, kind: str) -> str:
    """Return the subject of one run's events of one type."""
    return f"export.events.{_token(tenant)}.{_token(run)}.{_token(kind)}"


def events_of(tenant: str, run: str) -> str:
    """Return the subject that matches all events of one run."""
    return f"export.events.{_token(tenant)}.{_token(run)}.*"


def cancel(run: str) -> str:
    """Return the subject that tells workers to drop a run."""
    return f"export.cancel.{_token(run)}"


def dead(stage: str) -> str:
    """Return the subject of messages that no worker could handle."""
    return f"export.dead.{_token(stage)}"


@dataclass(frozen=True, slots=True)
class Stream:
    """A JetStream stream; `max_age_seconds` 0 means that age removes nothing."""

    name: str
    subjects: tuple[str, ...]
    retention: RetentionPolicy
    max_age_seconds: int


# Who may consume from a stream may take, and lose, any message in it: so each service's work has its own.
PLAN = "PLAN"
ADAPT = "ADAPT"
SIGN = "SIGN"
DISTRIBUTE = "DISTRIBUTE"

STREAMS = (
    Stream(PLAN, (WORK_PLAN,), RetentionPolicy.WORK_QUEUE, 0),
    Stream(ADAPT, ("export.work.adapt.>", "export.work.assemble.>"), RetentionPolicy.WORK_QUEUE, 0),
    Stream(SIGN, (WORK_SIGN,), RetentionPolicy.WORK_QUEUE, 0),
    Stream(DISTRIBUTE, ("export.work.distribute.>", WORK_FORGET), RetentionPolicy.WORK_QUEUE, 0),
    Stream("RESULT", ("export.result.>",), RetentionPolicy.WORK_QUEUE, 0),
    Stream("EVENTS", ("export.events.>",), RetentionPolicy.LIMITS, 7 * 24 * 3600),
    Stream("DEAD", ("export.dead.>",), RetentionPolicy.LIMITS, 30 * 24 * 3600),
)


def inbox(user: str) -> str:
    """Return the prefix of the subjects on which one user gets its answers; no other user may read them."""
    return f"_INBOX_{_token(user)}"


@dataclass(frozen=True, slots=True)
class Permissions:
    """Subjects that one service's NATS user may publish to and subscribe to."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]


def _consume(stream: str) -> tuple[str, ...]:
    """Return what a consumer of a stream must publish: its own JetStream calls and acknowledgements."""
    return (
        f"$JS.API.STREAM.INFO.{stream}",
        f"$JS.API.CONSUMER.INFO.{stream}.>",
        f"$JS.API.CONSUMER.DURABLE.CREATE.{stream}.>",
        f"$JS.API.CONSUMER.MSG.NEXT.{stream}.>",
        f"$JS.ACK.{stream}.>",
    )


PERMISSIONS: dict[str, Permissions] = {
    "planner": Permissions(
        (
            "export.work.>",
            "export.events.>",
            "export.cancel.>",
            "export.dead.>",
            "$JS.API.INFO",
            *_consume(PLAN),
            *_consume("RESULT"),
        ),
        (inbox("planner") + ".>", "export.events.>"),
    ),
    "adapter_host": Permissions(
        (RESULT_ADAPT, RESULT_ASSEMBLE, "export.dead.>", "$JS.API.INFO", *_consume(ADAPT)),
        (inbox("adapter_host") + ".>", CANCEL_ALL),
    ),
    "signer": Permissions(
        (RESULT_SIGN, "export.dead.>", "$JS.API.INFO", *_consume(SIGN)),
        (inbox("signer") + ".>", CANCEL_ALL),
    ),
    "distributor": Permissions(
        (RESULT_DISTRIBUTE, "export.dead.>", "$JS.API.INFO", *_consume(DISTRIBUTE)),
        (inbox("distributor") + ".>", CANCEL_ALL),
    ),
    "provision": Permissions(("$JS.API.>",), (inbox("provision") + ".>",)),
}
