"""Starts `stella`; answers `--version` before anything else is loaded."""

from __future__ import annotations

import sys

from cli.stella.version import VERSION


def main() -> int:
    """Run the command line of this process and return its exit code."""
    arguments = sys.argv[1:]
    if arguments == ["--version"]:
        sys.stdout.write(f"stella {VERSION}\n")
        return 0
    from cli.stella.app import run  # noqa: PLC0415 - `--version` answers without it

    return run(arguments)


if __name__ == "__main__":
    sys.exit(main())
