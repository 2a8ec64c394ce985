"""Command line of the database set-up: `python -m libs.common.db provision | migrate [SERVICE…]`.

`provision` reads EXPORT_ADMIN_URL, EXPORT_ADMIN_PASSWORD_FILE, EXPORT_DATABASE and EXPORT_PASSWORDS_DIR (one
file for each role); `migrate` reads EXPORT_MIGRATION_URL, whose role it replaces, and EXPORT_PASSWORDS_DIR.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import OperationalError

from libs.common.db.migrate import migrate
from libs.common.db.provision import SERVICES, provision
from libs.common.errors import ExportError, Unavailable
from libs.common.settings import BadSetting, read_secret


def main(arguments: list[str]) -> int:
    """Run one command; a fault is one line on standard error."""
    try:
        if arguments[:1] == ["provision"]:
            _provision()
        elif arguments[:1] == ["migrate"]:
            _migrate(arguments[1:] or list(SERVICES))
        else:
            sys.stderr.write(f"{__doc__}\n")
            return 2
    except OperationalError as error:
        return _tell(_fault(error))
    except ExportError as error:
        return _tell(error)
    return 0


def _fault(error: OperationalError) -> ExportError:
    """Return what the driver says, in one line; no password is in it, and who reads it runs the database."""
    said = str(error.orig).strip().split("\n", 1)[0]
    reason = said.rpartition("failed: ")[2].rstrip(".") or type(error).__name__
    if "authentication failed" in reason:
        return BadSetting(name="EXPORT_ADMIN_PASSWORD_FILE", reason=f"the database refuses it ({reason})")
    return Unavailable(dependency="the database", reason=reason)


def _tell(error: ExportError) -> int:
    sys.stderr.write(f"error: {error.message} ({error.code})\nhint: {error.remedy}\n")
    return 1


def _variable(name: str) -> str:
    if name not in os.environ:
        raise BadSetting(name=name, reason="it is not set and has no default")
    return os.environ[name]


def _passwords() -> dict[str, str]:
    folder = Path(_variable("EXPORT_PASSWORDS_DIR"))
    roles = [role for service in SERVICES for role in (service, f"{service}_owner")]
    return {role: read_secret("passwords_dir", str(folder / role)) for role in roles}


def _provision() -> None:
    provision(
        _variable("EXPORT_ADMIN_URL"),
        read_secret("admin_password_file", _variable("EXPORT_ADMIN_PASSWORD_FILE")),
        _variable("EXPORT_DATABASE"),
        _passwords(),
    )


def _migrate(services: list[str]) -> None:
    base = make_url(_variable("EXPORT_MIGRATION_URL"))
    passwords = _passwords()
    for service in services:
        owner = f"{service}_owner"
        migrate(service, base.set(username=owner).render_as_string(hide_password=False), passwords[owner])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
