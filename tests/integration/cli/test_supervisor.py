"""The supervisor keeps processes alive, ends them in order, and leaves none behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.stella.failures import CommandFailed
from cli.stella.supervise.data_dir import DataDir, Lock
from cli.stella.supervise.program import Program, State
from cli.stella.supervise.supervisor import Keeper, Supervisor
from tests.kit import programs
from tests.kit.programs import program
from tests.kit.stella import REPOSITORY, stella

WAIT_SECONDS = 20.0


class Story:
    """What an observer has seen."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, State, str]] = []
        self.changed = asyncio.Event()

    def __call__(self, keeper: Keeper, message: str) -> None:
        self.lines.append((keeper.program.name, keeper.state, message))
        self.changed.set()

    async def until(self, state: State, times: int) -> None:
        async with asyncio.timeout(WAIT_SECONDS):
            while [line[1] for line in self.lines].count(state) < times:
                self.changed.clear()
                await self.changed.wait()


@pytest.fixture
def story() -> Story:
    return Story()


@pytest.fixture
def supervisor(story: Story) -> Iterator[Supervisor]:
    made = Supervisor(story)
    yield made
    made.kill()


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    return stat.rpartition(")")[2].split()[0] != "Z"


def wait_until_gone(*pids: int) -> bool:
    deadline = time.monotonic() + WAIT_SECONDS
    while any(alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not any(alive(pid) for pid in pids)


async def test_a_start_returns_once_the_process_is_ready(supervisor: Supervisor, tmp_path: Path) -> None:
    keeper = supervisor.add(program(tmp_path, "one", programs.LIVES))
    with supervisor:
        await keeper.start()
        assert (keeper.state, alive(keeper.pid)) == (State.READY, True)
        await supervisor.stop([[keeper]])
    assert (keeper.state, keeper.pid) == (State.STOPPED, 0)


async def test_a_dead_process_is_started_again(supervisor: Supervisor, story: Story, tmp_path: Path) -> None:
    keeper = supervisor.add(program(tmp_path, "one", programs.LIVES))
    with supervisor:
        await keeper.start()
        first = keeper.pid
        os.kill(first, signal.SIGKILL)
        await story.until(State.READY, 2)
        assert (keeper.restarts, alive(keeper.pid), keeper.pid != first) == (1, True, True)
        await supervisor.stop([[keeper]])
    messages = [message for _, state, message in story.lines if state is State.RESTARTING]
    assert messages == ["was ended by SIGKILL; starting it again in 250 ms"]


async def test_a_process_that_ends_by_itself_is_started_again(
    supervisor: Supervisor, story: Story, tmp_path: Path
) -> None:
    keeper = supervisor.add(program(tmp_path, "one", programs.DIES_ONCE))
    with supervisor:
        await keeper.start()
        await story.until(State.READY, 2)
        await supervisor.stop([[keeper]])
    assert keeper.restarts == 1


async def test_a_process_that_never_becomes_ready_fails_the_start(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    keeper = supervisor.add(program(tmp_path, "one", programs.DIES_AT_ONCE))
    with supervisor:
        with pytest.raises(CommandFailed, match="one ended with code 3") as caught:
            await keeper.start()
        await supervisor.stop([[keeper]])
    assert "cannot go on" in caught.value.excerpt
    assert keeper.state is State.FAILED


async def test_a_command_that_is_not_there_fails_the_start(supervisor: Supervisor, tmp_path: Path) -> None:
    keeper = supervisor.add(Program("none", ("/nowhere/program",), tmp_path / "none.log"))
    with supervisor:
        with pytest.raises(CommandFailed, match="none cannot be started"):
            await keeper.start()
        await supervisor.stop([[keeper]])


async def test_who_does_not_end_is_ended(supervisor: Supervisor, tmp_path: Path) -> None:
    keeper = supervisor.add(program(tmp_path, "one", programs.IGNORES_SIGTERM, stop_seconds=0.2))
    with supervisor:
        await keeper.start()
        pid = keeper.pid
        await supervisor.stop([[keeper]])
    assert wait_until_gone(pid)


async def test_groups_end_one_after_the_other(supervisor: Supervisor, tmp_path: Path) -> None:
    keepers = [
        supervisor.add(program(tmp_path, name, programs.TELLS_ITS_END, mark="order"))
        for name in ("store", "service", "door")
    ]
    with supervisor:
        await asyncio.gather(*(keeper.start() for keeper in keepers))
        await supervisor.stop([[keeper] for keeper in reversed(keepers)])
    assert (tmp_path / "order").read_text().split() == ["door", "service", "store"]


async def test_children_of_a_process_end_with_it(supervisor: Supervisor, tmp_path: Path) -> None:
    keeper = supervisor.add(program(tmp_path, "one", programs.HAS_A_CHILD))
    with supervisor:
        await keeper.start()
        child = int((tmp_path / "one.mark").read_text())
        await supervisor.stop([[keeper]])
    assert wait_until_gone(child)


async def test_work_that_fails_shows_its_last_lines(supervisor: Supervisor, tmp_path: Path) -> None:
    with supervisor, pytest.raises(CommandFailed, match="job ended with code 3") as caught:
        await supervisor.do(program(tmp_path, "job", programs.DIES_AT_ONCE))
    assert caught.value.excerpt == "cannot go on"


async def test_work_that_succeeds_ends(supervisor: Supervisor, tmp_path: Path) -> None:
    with supervisor:
        await supervisor.do(program(tmp_path, "job", "open(mark, 'w').close()"))
    assert (tmp_path / "job.mark").exists()


SUPERVISE = """
import asyncio, sys
from pathlib import Path
from cli.stella.supervise.supervisor import Supervisor
from tests.kit import programs

async def main(folder):
    supervisor = Supervisor(lambda keeper, message: None)
    keepers = [supervisor.add(programs.program(folder, name, programs.LIVES)) for name in ("one", "two")]
    with supervisor:
        await asyncio.gather(*(keeper.start() for keeper in keepers))
        print(*(keeper.pid for keeper in keepers), flush=True)
        await asyncio.Event().wait()

asyncio.run(main(Path(sys.argv[1])))
"""


TAKE_LOCK = """
import sys
from pathlib import Path
from cli.stella.supervise.data_dir import DataDir, Lock
Lock(DataDir(Path(sys.argv[1]))).__enter__()
"""


def test_nothing_is_left_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SUPERVISE, tmp_path], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        pids = [int(word) for word in process.stdout.readline().split()]
        assert (len(pids), all(alive(pid) for pid in pids)) == (2, True)
        process.kill()
    assert wait_until_gone(*pids)


def test_a_second_start_on_the_same_data_is_refused(tmp_path: Path) -> None:
    data = DataDir(tmp_path / "stella")
    data.make()
    with Lock(data):
        ended = stella("up", "--data", data.root, config=tmp_path / "config.json")
    assert ended.code == 2
    assert f"runs already in `{data.root}`, as process {os.getpid()}" in ended.err


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    data = DataDir(tmp_path / "stella")
    data.make()
    subprocess.run([sys.executable, "-c", TAKE_LOCK, data.root], cwd=REPOSITORY, check=True)
    with Lock(data):
        assert data.lock.read_text(encoding="ascii") == f"{os.getpid()}\n"
