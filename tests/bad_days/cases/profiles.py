"""Profiles, selectors, runs and imports that say what cannot be meant."""

from __future__ import annotations

from collections.abc import Callable

from cli.stella.exit_codes import ExitCode
from tests.bad_days.case import LEDGER_KEPT, NOTHING_AT_STAKE, Case, Day
from tests.bad_days.documents import osv
from tests.kit.stella import Ended

_MODEL = "`stella export profile show NAME --json` is a model."
_SPEC = b'{"kind":"json","variant":"raw"%s}'


def _create(*options: str) -> Callable[[Day], Ended]:
    return lambda day: day.stella("export", "profile", "create", "never-made", *options)


def _from_file(raw: bytes) -> Callable[[Day], Ended]:
    def bring(day: Day) -> Ended:
        file = day.file("profile.json", raw)
        return day.stella("export", "profile", "create", "never-made", "--file", file)

    return bring


def _import(*options: str) -> Callable[[Day], Ended]:
    return lambda day: day.stella("evidence", "import", day.file("a.json", osv("A-1", "1")), *options)


def _selects_nothing(day: Day) -> Ended:
    made = day.stella("export", "profile", "create", "nothing", "--kind", "json:raw", "--source", "not-there")
    assert made.code == 0, made.err
    return day.stella("export", "run", "start", "nothing", "--wait")


def _no_json(title: str, raw: bytes, reason: str) -> Case[Day]:
    line = f"`{{file}}` is no JSON that is taken: {reason}. (ERR_STELLA_FILE)"
    how = "`stella export profile create --file`"
    return Case(title, how, line, _MODEL, ExitCode.USAGE, NOTHING_AT_STAKE, _from_file(raw))


def _invalid(
    title: str, how: str, field: str, reason: str, bring: Callable[[Day], Ended], kept: str
) -> Case[Day]:
    line = f"Field `{field}` is not valid: {reason}. (ERR_EXPORT_INVALID)"
    way_out = f"Correct `{field}` and send the request again."
    return Case(title, how, line, way_out, ExitCode.USAGE, kept, bring)


CASES: tuple[Case[Day], ...] = (
    Case(
        "an unknown profile",
        "`stella export run start nope`",
        "There is no profile `nope` in this tenant. (ERR_EXPORT_PROFILE_NOT_FOUND)",
        "See `stella export profile list`, or create it: `stella export profile create nope …`.",
        ExitCode.NOT_FOUND,
        NOTHING_AT_STAKE,
        lambda day: day.stella("export", "run", "start", "nope"),
    ),
    Case(
        "an unknown run",
        "`stella export run show` of an id that no run has",
        "There is no run `1m800000-aaaaaaaaaaa` in this tenant. (ERR_EXPORT_RUN_NOT_FOUND)",
        "See `stella export run list`.",
        ExitCode.NOT_FOUND,
        NOTHING_AT_STAKE,
        lambda day: day.stella("export", "run", "show", "1m800000-aaaaaaaaaaa"),
    ),
    Case(
        "an unknown adapter",
        "`--kind nope:raw`",
        "No adapter `nope:raw` is installed; there are: {known}. (ERR_EXPORT_ADAPTER_UNKNOWN)",
        "Choose one of those as kind and variant.",
        ExitCode.USAGE,
        NOTHING_AT_STAKE,
        _create("--kind", "nope:raw"),
    ),
    Case(
        "an unknown kind of evidence",
        "`--include rumours`",
        "Invalid value for '--include': 'rumours' is not one of 'advisory', 'vex', 'sbom', 'finding'. "
        "(ERR_STELLA_USAGE)",
        "See `stella export profile create --help`.",
        ExitCode.USAGE,
        NOTHING_AT_STAKE,
        _create("--kind", "json:raw", "--include", "rumours"),
    ),
    Case(
        "a malformed time in a selector",
        "`--modified-since yesterday`",
        "Invalid value for '--modified-since': 'yesterday' is no time; write 2024-05-06 or "
        "2024-05-06T07:08:09Z. (ERR_STELLA_USAGE)",
        "See `stella export profile create --help`.",
        ExitCode.USAGE,
        NOTHING_AT_STAKE,
        _create("--kind", "json:raw", "--modified-since", "yesterday"),
    ),
    _invalid(
        "a malformed selector",
        "`--ecosystem ''`",
        "profile.spec.selector.ecosystems[0]",
        "must be at least 1 characters",
        _create("--kind", "json:raw", "--ecosystem", ""),
        NOTHING_AT_STAKE,
    ),
    _invalid(
        "a profile with an unknown member",
        "`--file` with `frequency` in the spec",
        "profile.spec.frequency",
        "there is no such member; there are: {known}",
        _from_file(_SPEC % b',"frequency":1'),
        NOTHING_AT_STAKE,
    ),
    _no_json(
        "a profile that ends in the middle",
        b'{"kind":',
        "the record ends in the middle, after 8 bytes; {more}",
    ),
    _no_json(
        "a profile with a member that stands twice",
        _SPEC % b',"kind":"b"',
        "the member 'kind' stands more than once in one object; keep one of them",
    ),
    _no_json(
        "a profile nested 10,000 deep",
        b"[" * 10_000 + b"]" * 10_000,
        "the record nests deeper than 254 levels; {more}",
    ),
    Case(
        "a selector that fits no evidence",
        "a run of a profile whose source the ledger does not have",
        "Profile `nothing` selects no evidence: the ledger holds none of its kinds and sources. "
        "(ERR_EXPORT_NOTHING_SELECTED)",
        "See `stella evidence status`; import evidence with `stella evidence import …` or widen the "
        "selector.",
        ExitCode.USAGE,
        NOTHING_AT_STAKE,
        _selects_nothing,
    ),
    _invalid(
        "an impossible source",
        "`stella evidence import --source 'a b'`",
        "spec.source",
        "does not match regex pattern `^([a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?)?$`",
        _import("--source", "a b"),
        LEDGER_KEPT,
    ),
    _invalid(
        "evidence of the future",
        "`stella evidence import --as-of 2999-01-01`",
        "spec.as_of",
        "it lies in the future",
        _import("--as-of", "2999-01-01"),
        LEDGER_KEPT,
    ),
    Case(
        "replacing a source by nothing",
        "`stella evidence import --replace` of a file without a record",
        "Field `spec.mode` is not valid: no record could be taken, so replacing would delete the whole "
        "source. (ERR_EXPORT_INVALID)",
        "Correct `spec.mode` and send the request again.",
        ExitCode.USAGE,
        LEDGER_KEPT,
        lambda day: day.stella(
            "evidence", "import", day.file("a.jsonl", b""), "--replace", "--source", "kept"
        ),
    ),
    Case(
        "an unknown command",
        "`stella evidence imprt`",
        "No such command 'imprt'. (ERR_STELLA_USAGE)",
        "Did you mean {known}? Else see `stella evidence --help`.",
        ExitCode.USAGE,
        NOTHING_AT_STAKE,
        lambda day: day.stella("evidence", "imprt"),
    ),
)
