"""Plays schedules on several suites beside each other: `python -m tests.chaos --seeds 200 --from SEED`."""

from __future__ import annotations

import argparse
import contextlib
import queue
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median

from tests.chaos.failed import failed_seeds
from tests.chaos.faults import Story
from tests.chaos.schedule import schedule
from tests.chaos.stories import Played, play
from tests.chaos.world import World, running_world

SEEDS_ROOM = 1_000_000_000  # fresh seeds are short enough to be typed


class Board:
    """Tells of every schedule as it ends."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._lock = threading.Lock()
        self.played: list[Played] = []

    def take(self, played: Played, logs: Path | None) -> None:
        """Take a schedule that has ended."""
        with self._lock:
            self.played.append(played)
            mark = "FAILED" if played.faults else "ok"
            number = f"{len(self.played)}/{self._total}"
            sys.stdout.write(
                f"{number} {mark} seed {played.schedule.seed}, {played.seconds:.1f} s, {played.end}: "
                f"{played.schedule}\n"
            )
            for line in played.faults:
                sys.stdout.write(f"    violated: {line}\n")
            for line in played.happened if played.faults else ():
                sys.stdout.write(f"    happened: {line}\n")
            if logs is not None:
                sys.stdout.write(f"    logs: {logs}\n")
            sys.stdout.flush()


def fresh_seeds(count: int, start: int | None = None) -> list[int]:
    """Return seeds from `start` on, or from one that the time gives."""
    first = time.time_ns() // 1_000_000 % SEEDS_ROOM if start is None else start
    return list(range(first, first + count))


def run(seeds: Iterable[int], suites: int, folder: Path) -> list[Played]:
    """Play the schedules of all seeds on some suites; return what came of them."""
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    wanted = list(seeds)
    for seed in wanted:
        waiting.put(seed)
    board = Board(len(wanted))
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            _work(folder / f"suite-{number}", waiting, board)
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(min(suites, len(wanted)))]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    except KeyboardInterrupt:
        with contextlib.suppress(queue.Empty):  # what has begun is played to its end
            while True:
                waiting.get_nowait()
        for thread in threads:
            thread.join()
    if errors:
        raise errors[0]
    return board.played


def _work(place: Path, waiting: queue.SimpleQueue[int], board: Board) -> None:
    """Play what waits; after a failure on a new suite, since the old one may be in any state."""
    lives = 0
    while not waiting.empty():
        data = place / f"{lives}"
        lives += 1
        with running_world(data) as world:
            while True:
                try:
                    seed = waiting.get_nowait()
                except queue.Empty:
                    return
                played = _play(world, seed)
                board.take(played, data / "logs" if played.faults else None)
                if played.faults:
                    break


def _play(world: World, seed: int) -> Played:
    wanted = schedule(seed)
    try:
        return play(world, wanted)
    except Exception as error:  # noqa: BLE001 - whatever keeps a schedule from its end is a failure of it
        return Played(wanted, (f"{type(error).__name__}: {error}",), (), "broken", 0.0, 0.0)


def summary(played: Sequence[Played]) -> str:
    """Return how the schedules were spread, in a few lines."""
    ends = Counter(f"{one.schedule.story} {one.end}" for one in played)
    seconds = sorted(one.seconds for one in played)
    return (
        f"{len(played)} schedules, {sum(len(one.happened) for one in played)} faults carried out, "
        f"{sum(bool(one.faults) for one in played)} failed\n"
        f"seconds: median {seconds[len(seconds) // 2]:.1f}, 95 % {seconds[len(seconds) * 95 // 100]:.1f}, "
        f"longest {seconds[-1]:.1f}\n"
        + "".join(f"  {count:4} {end}\n" for end, count in sorted(ends.items()))
        + "exports with a single fault, seconds until the run has ended:\n"
        + "".join(f"  {line}\n" for line in _waits(played))
    )


def _waits(played: Sequence[Played]) -> list[str]:
    waits: dict[str, list[float]] = {}
    for one in played:
        if one.schedule.story is Story.EXPORT and len(one.schedule.faults) == len(one.happened) == 1:
            fault = one.schedule.faults[0]
            waits.setdefault(f"{fault.action} {fault.victim}", []).append(one.story)
    return [
        f"{name:24} {len(some):3} times, median {median(some):5.1f}, longest {max(some):5.1f}"
        for name, some in sorted(waits.items())
    ]


def main() -> int:
    """Play, tell, and keep the logs of what failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many fresh seeds")
    parser.add_argument("--from", dest="start", type=int, help="the first one; else the time gives it")
    parser.add_argument("--suites", type=int, default=3, help="suites beside each other")
    parser.add_argument("--kept", action="store_true", help="play also the seeds that failed once")
    asked = parser.parse_args()
    seeds = fresh_seeds(asked.seeds, asked.start)
    sys.stdout.write(f"{len(seeds)} seeds from {seeds[0]}\n")
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    begun = time.monotonic()
    played = run([*(failed_seeds() if asked.kept else []), *seeds], asked.suites, folder)
    sys.stdout.write(f"{summary(played)}in {time.monotonic() - begun:.0f} s\n")
    if any(one.faults for one in played):
        sys.stdout.write(f"data and logs are kept in {folder}\n")
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
