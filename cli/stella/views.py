"""What people see of each type of record: columns, and the name that other commands take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cli.stella.show import numbers
from cli.stella.show.table import Column, Record, View
from cli.stella.values import kind_word


def last(name: Any) -> str:
    """Return the last part of a resource name."""
    return str(name or "").rpartition("/")[2]


def word(name: Any, prefix: str) -> str:
    """Return the word for a contract's enum value: `STATE_FAILED` is `failed`."""
    return str(name or "").removeprefix(prefix).lower().replace("unspecified", "")


def number(value: Any) -> int:
    """Return a 64-bit number, which protobuf's JSON writes as a text."""
    return int(value or 0)


def time(value: Any) -> str:
    """Return a time to the second, in UTC."""
    text = str(value or "")
    return text[:19] + "Z" if len(text) > len("2024-05-06T07:08:09") else text


def _text(member: str) -> Callable[[Record], str]:
    return lambda record: str(record.get(member) or "")


def _time(member: str) -> Callable[[Record], str]:
    return lambda record: time(record.get(member))


def _count(member: str) -> Callable[[Record], str]:
    return lambda record: numbers.count(number(record.get(member)))


def _size(member: str) -> Callable[[Record], str]:
    return lambda record: numbers.size(number(record.get(member)))


def _name(record: Record) -> str:
    return last(record.get("name"))


def state(record: Record) -> str:
    """Return a run's state."""
    return word(record.get("state"), "STATE_")


def stage(record: Record) -> str:
    """Return a run's stage."""
    return word(record.get("stage"), "STAGE_")


def _spec(record: Record) -> Record:
    spec: Record = record.get("spec") or record.get("snapshot") or {}
    return spec


def _selector_lines(selector: Record) -> str:
    return "\n".join(
        f"{name}: {', '.join(map(str, value)) if isinstance(value, list) else value}"
        for name, value in selector.items()
    )


def _include(record: Record) -> str:
    return ", ".join(kind_word(kind) for kind in _spec(record).get("include", []))


def _error(record: Record) -> str:
    error: Record = record.get("error") or {}
    if not error:
        return ""
    cure = f"\n{error['cure']}" if error.get("cure") else ""
    return f"{error.get('message', '')} ({error.get('code', '')}){cure}"


def _shards(record: Record) -> str:
    progress: Record = record.get("progress") or {}
    total = number(progress.get("shardsTotal"))
    return f"{number(progress.get('shardsDone'))}/{total}" if total else ""


def _inputs(record: Record) -> str:
    return "\n".join(
        f"{item.get('system', '')} {item.get('digest', '')}, {numbers.count(number(item.get('records')))} "
        f"records, as of {time(item.get('asOf')) or 'no stated time'}"
        for item in record.get("inputs", [])
    )


def _progress(member: str, render: Callable[[int], str]) -> Callable[[Record], str]:
    return lambda record: render(number((record.get("progress") or {}).get(member)))


PROFILE = View(
    (
        Column("name", _name),
        Column("kind", lambda record: str(_spec(record).get("kind", ""))),
        Column("variant", lambda record: str(_spec(record).get("variant", ""))),
        Column("revision", _text("revision")),
        Column("targets", lambda record: numbers.count(len(_spec(record).get("targets", []))), right=True),
        Column("updated", _time("updateTime")),
        Column("display-name", _text("displayName")),
        Column("include", _include, detail=True),
        Column("selector", lambda record: _selector_lines(_spec(record).get("selector", {})), detail=True),
        Column("compression", lambda record: str(_spec(record).get("compressionLevel", "")), detail=True),
        Column("retention-days", lambda record: str(_spec(record).get("retentionDays", "")), detail=True),
        Column("created", _time("createTime"), detail=True),
        Column("uid", _text("uid"), detail=True),
        Column("etag", _text("etag"), detail=True),
    ),
    _name,
    "No profiles yet. Make one: stella export profile create NAME --kind json:raw",
)

REVISION = View(
    (
        Column("revision", _name),
        Column("kind", lambda record: str(_spec(record).get("kind", ""))),
        Column("variant", lambda record: str(_spec(record).get("variant", ""))),
        Column("digest", _text("specDigest")),
        Column("created", _time("createTime")),
        Column("author", _text("author")),
        Column("include", _include, detail=True),
        Column("selector", lambda record: _selector_lines(_spec(record).get("selector", {})), detail=True),
    ),
    _name,
    "No revisions.",
)

RUN = View(
    (
        Column("run", _name),
        Column("profile", lambda record: last(record.get("profile"))),
        Column("revision", _text("revision")),
        Column("state", state),
        Column("stage", stage),
        Column("shards", _shards, right=True),
        Column("records", _progress("records", numbers.count), right=True),
        Column("size", _progress("storedBytes", numbers.size), right=True),
        Column("created", _time("createTime")),
        Column("ended", _time("endTime")),
        Column("error", _error, detail=True),
        Column("export", _text("exportId"), detail=True),
        Column("manifest", lambda record: str((record.get("manifest") or {}).get("digest", "")), detail=True),
        Column("inputs", _inputs, detail=True),
        Column("plain-size", _progress("plainBytes", numbers.size), detail=True),
        Column("segments", _progress("segments", numbers.count), detail=True),
        Column("reused", _progress("segmentsReused", numbers.count), detail=True),
        Column("attempt", _text("attempt"), detail=True),
        Column("actor", _text("actor"), detail=True),
    ),
    _name,
    "No runs yet. Start one: stella export run start PROFILE --wait",
)

PLAN_DATASET = View(
    (
        Column("kind", lambda record: kind_word(str(record.get("kind", "")))),
        Column("source", _text("source")),
        Column("records", _count("records"), right=True),
        Column("segments", _count("segments"), right=True),
        Column("new", _count("segmentsNew"), right=True),
        Column("size", _size("plainBytes"), right=True),
    ),
    _text("source"),
    "The ledger holds nothing that this profile includes. Import evidence: stella evidence import PATH",
)

DISTRIBUTION = View(
    (
        Column("run", lambda record: str(record.get("name", "")).partition("/runs/")[2].partition("/")[0]),
        Column("target", _name),
        Column("driver", _text("driver")),
        Column("state", state),
        Column("size", _size("bytes"), right=True),
        Column("attempts", _count("attempts"), right=True),
        Column("updated", _time("updateTime")),
        Column("reference", _text("reference")),
        Column("digest", _text("digest"), detail=True),
        Column("error", _error, detail=True),
        Column("created", _time("createTime"), detail=True),
    ),
    lambda record: str(record.get("name", "")),
    "No deliveries yet.",
)

COLLECTION = View(
    (
        Column("examined", _count("examined"), right=True),
        Column("live", _count("live"), right=True),
        Column("young", _count("young"), right=True),
        Column("collected", _count("collected"), right=True),
        Column("size", _size("collectedBytes"), right=True),
        Column("notes", _count("notes"), right=True),
        Column("remains", _count("remains"), right=True),
        Column("complete", lambda record: "yes" if record.get("complete") else "no"),
        Column("digests", lambda record: "\n".join(record.get("digests", [])), detail=True),
    ),
    _text("collected"),
    "Nothing.",
)

KEY = View(
    (
        Column("version", _count("version"), right=True),
        Column("state", state),
        Column("algorithm", _text("algorithm")),
        Column("hint", _text("hint")),
        Column("from", _time("validFrom")),
        Column("until", _time("validUntil")),
        Column("public-key", lambda record: str(record.get("publicKeyPem", "")).strip(), detail=True),
    ),
    _text("hint"),
    "No keys yet; the signer makes one when it first starts.",
)


def _dataset(member: str) -> Callable[[Record], Any]:
    return lambda record: (record.get("dataset") or {}).get(member)


DATASET = View(
    (
        Column("kind", lambda record: kind_word(str(_dataset("kind")(record) or ""))),
        Column("source", lambda record: str(_dataset("source")(record) or "")),
        Column("records", lambda record: numbers.count(number(_dataset("records")(record))), right=True),
        Column("segments", lambda record: numbers.count(number(_dataset("segments")(record))), right=True),
        Column("size", lambda record: numbers.size(number(_dataset("plainBytes")(record))), right=True),
        Column("stored", _size("storedBytes"), right=True),
        Column("as-of", lambda record: time(_dataset("asOf")(record))),
        Column("changed", _time("updateTime")),
        Column("tombstones", _count("tombstones"), right=True, detail=True),
        Column("digest", lambda record: str(_dataset("digest")(record) or ""), detail=True),
    ),
    lambda record: f"{kind_word(str(_dataset('kind')(record) or ''))}/{_dataset('source')(record) or ''}",
    "The ledger is empty. Import evidence: stella evidence import PATH",
)

QUARANTINE_COUNT = View(
    (
        Column("source", _text("source")),
        Column("reason", _text("reason")),
        Column("records", _count("records"), right=True),
        Column("example", _text("example")),
    ),
    _text("reason"),
    "No records were put aside.",
)

QUARANTINED = View(
    (
        Column("source", _text("source")),
        Column("reason", _text("reason")),
        Column("location", _text("location")),
        Column("detail", _text("detail")),
        Column("time", _time("time"), detail=True),
        Column("digest", _text("digest"), detail=True),
    ),
    _text("location"),
    "No records were put aside.",
)

CONTEXT = View(
    (
        Column("context", _text("name")),
        Column("in-use", lambda record: "yes" if record.get("current") else ""),
        Column("server", _text("server")),
        Column("tenant", _text("tenant")),
        Column("token-file", _text("tokenFile")),
    ),
    _text("name"),
    "No contexts yet. `stella up` makes one; or: stella context add NAME --server URL",
)
