"""Unpacks a bundle's tar into a folder that appears whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from cli.stella.exit_codes import ExitCode
from cli.stella.failures import Code, CommandFailed, wrong_file
from libs.common.bundle.faults import BadBundle
from libs.common.bundle.tar import read_members

FOLDER_MODE = 0o755


def check_free(folder: Path) -> None:
    """Refuse a folder that holds something: unpacking never mixes two bundles."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise wrong_file(
            f"`{folder}` is there already, so the bundle is not unpacked into it",
            "Remove it, or choose another place with -o.",
        )


def extract(archive: Path, folder: Path) -> int:
    """Unpack `archive` into `folder` and return how many files it has; nothing lands outside it."""
    check_free(folder)
    building = Path(tempfile.mkdtemp(dir=folder.absolute().parent, prefix=f".{folder.name}."))
    try:
        count = 0
        with archive.open("rb") as stream:
            for member in read_members(stream):
                place = building / member.path
                place.parent.mkdir(parents=True, exist_ok=True)
                with place.open("xb") as file:
                    file.writelines(member.contents)
                count += 1
        building.chmod(FOLDER_MODE)
        if folder.exists():
            folder.rmdir()
        building.rename(folder)
    except BadBundle as error:
        raise CommandFailed(
            ExitCode.VERIFICATION_FAILED,
            Code.VERIFICATION,
            f"`{archive}` is not a bundle's tar: {error}",
            "Nothing was unpacked. Fetch the bundle again, or ask who made it.",
        ) from error
    except OSError as error:
        raise wrong_file(f"`{folder}` cannot be written: {error.strerror}", "Choose another -o.") from error
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return count
