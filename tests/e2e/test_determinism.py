"""The same evidence gives the same bundle, byte for byte: any order, batches, day and machine."""

from __future__ import annotations

import random
from pathlib import Path

from tests.kit import made_up
from tests.kit.suite import Suite, adopt_signing_key, running_suite

ADVISORIES = 1500
SBOMS = 40


def advisories(folder: Path, numbers: list[int]) -> Path:
    return made_up.write(folder / "osv-test", (made_up.advisory(number) for number in numbers))


def sboms(folder: Path) -> Path:
    return made_up.write(folder / "images", (made_up.sbom(number) for number in range(SBOMS)))


def bundle(suite: Suite, target: Path) -> bytes:
    suite.stella("export", "profile", "create", "nightly", "--kind", "json:raw")
    return suite.download(suite.export("nightly"), target)


def test_three_orders_two_batches_and_separate_data_directories_give_the_same_bundle(tmp_path: Path) -> None:
    numbers = list(range(ADVISORIES))
    with running_suite(tmp_path / "one") as suite:
        suite.stella("evidence", "import", advisories(tmp_path / "whole", numbers), sboms(tmp_path / "whole"))
        first = bundle(suite, tmp_path / "one.tar")
        assert suite.download(suite.export("nightly"), tmp_path / "again.tar") == first

    adopt_signing_key(tmp_path / "two", tmp_path / "one")
    with running_suite(tmp_path / "two") as suite:
        suite.stella("evidence", "import", sboms(tmp_path / "whole"))
        suite.stella("evidence", "import", advisories(tmp_path / "whole", numbers))
        assert bundle(suite, tmp_path / "two.tar") == first

    random.Random(1).shuffle(numbers)
    adopt_signing_key(tmp_path / "three", tmp_path / "one")
    with running_suite(tmp_path / "three", hosts=2) as suite:
        half = ADVISORIES // 2
        # What comes in twice, and what comes in with another content and is put right, leaves no trace.
        _, stale = made_up.advisory(7)
        early = made_up.write(
            tmp_path / "early" / "osv-test", [("TEST-000007.json", stale.replace(b"package-7", b"other"))]
        )
        suite.stella("evidence", "import", early)
        suite.stella("evidence", "import", advisories(tmp_path / "batch-2", numbers[half:]))
        suite.stella(
            "evidence", "import", sboms(tmp_path / "whole"), advisories(tmp_path / "batch-1", numbers[:half])
        )
        suite.stella("evidence", "import", advisories(tmp_path / "batch-2", numbers[half:]))
        assert bundle(suite, tmp_path / "three.tar") == first
