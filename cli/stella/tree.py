"""The whole command line: every noun and verb, where it is written, and the line that lists it."""

from __future__ import annotations

from cli.stella.lazy import Branch, Leaf

_AT = "cli.stella.commands"

_PROFILE = Branch(
    "What a tenant exports: create, change and list profiles.",
    {
        "create": Leaf(f"{_AT}.export.profile:create", "Create a profile at revision r1."),
        "update": Leaf(f"{_AT}.export.profile:update", "Change a profile; a changed spec makes a revision."),
        "list": Leaf(f"{_AT}.export.profile:list_profiles", "List the profiles by name."),
        "show": Leaf(f"{_AT}.export.profile:show", "Show a profile, or one of its revisions."),
        "delete": Leaf(f"{_AT}.export.profile:delete", "Delete a profile; its runs and bundles stay."),
        "validate": Leaf(f"{_AT}.export.profile:validate", "Say whether a profile would be taken."),
    },
)
_RUN = Branch(
    "One execution of a profile: start, follow and end runs.",
    {
        "start": Leaf(f"{_AT}.export.run:start", "Pin the evidence and start a run."),
        "list": Leaf(f"{_AT}.export.run:list_runs", "List runs, newest first."),
        "show": Leaf(f"{_AT}.export.run:show", "Show a run."),
        "watch": Leaf(f"{_AT}.export.run:watch", "Follow a run to its end; the exit code is the run's."),
        "cancel": Leaf(f"{_AT}.export.run:cancel", "Stop a run."),
        "retry": Leaf(f"{_AT}.export.run:retry", "Run what failed again, over the same evidence."),
    },
)
_EXPORT = Branch(
    "Turn evidence into signed bundles, fetch them and verify them.",
    {
        "profile": _PROFILE,
        "plan": Leaf(f"{_AT}.export.plan:plan", "Say what a run would export, and what has changed."),
        "run": _RUN,
        "download": Leaf(f"{_AT}.export.download:download", "Fetch a bundle; goes on where it stopped."),
        "verify": Leaf(f"{_AT}.export.verify:verify", "Verify a bundle: a file, a folder or a run."),
        "collect": Leaf(f"{_AT}.export.collect:collect", "Remove stored bytes that no bundle needs."),
        "distribution": Branch(
            "Deliveries of bundles to their targets.",
            {"list": Leaf(f"{_AT}.export.distribution:list_distributions", "List deliveries, newest first.")},
        ),
        "key": Branch(
            "The keys that sign bundles.",
            {
                "list": Leaf(f"{_AT}.export.key:list_keys", "List the signing keys, newest first."),
                "rotate": Leaf(f"{_AT}.export.key:rotate", "Make a new signing key; the old one retires."),
                "export": Leaf(f"{_AT}.export.key:export", "Write public keys for verification elsewhere."),
            },
        ),
    },
)
TREE = Branch(
    "Carry security evidence across an air gap, in deterministic, signed bundles.",
    {
        "up": Leaf(f"{_AT}.up:up", "Run the whole suite on this machine."),
        "token": Branch(
            "Tokens of the suite that `stella up` runs.",
            {"issue": Leaf(f"{_AT}.token:issue", "Make a token for a tenant and a role.")},
        ),
        "context": Branch(
            "Servers, and how to be known to them.",
            {
                "add": Leaf(f"{_AT}.context:add", "Add a context, or change it."),
                "list": Leaf(f"{_AT}.context:list_contexts", "List the contexts."),
                "use": Leaf(f"{_AT}.context:use", "Use a context from now on; `-` is the one before."),
                "show": Leaf(f"{_AT}.context:show", "Show a context, or what commands would use now."),
                "remove": Leaf(f"{_AT}.context:remove", "Remove a context; its token file stays."),
            },
        ),
        "evidence": Branch(
            "What the ledger holds: import, see and delete evidence.",
            {
                "import": Leaf(f"{_AT}.evidence:import_evidence", "Import advisories, VEX, SBOMs, findings."),
                "status": Leaf(f"{_AT}.evidence:status", "Show what the ledger holds."),
                "delete": Leaf(f"{_AT}.evidence:delete", "Delete records; each leaves a tombstone."),
            },
        ),
        "export": _EXPORT,
        "version": Leaf(f"{_AT}.version:version", "Show the versions of this program and its libraries."),
        "completion": Leaf(f"{_AT}.completion:completion", "Write the completion script for a shell."),
        "help": Leaf(f"{_AT}.help:help_topic", "Explain exit codes, formats or the environment."),
    },
    help=("\b\nExamples:\n  stella up\n  stella evidence import advisories/ --source osv"),
)
