"""What a schedule consists of: faults with their moments, and the story that they disturb, said in words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Story(StrEnum):
    """What a user does while things die."""

    EXPORT = "export"  # start a run and wait for it
    CANCEL = "cancel"  # start a run and cancel it
    RETRY = "retry"  # cancel a run, then run it again
    MEND = "mend"  # a run fails since evidence is gone; bring it back and run it again
    PAIR = "pair"  # start two runs, of which one waits for the other, until their evidence is let go of
    IMPORT = "import"  # change the evidence


class Action(StrEnum):
    """What happens to a program."""

    KILL = "kill"  # SIGKILL
    STOP = "stop"  # SIGSTOP, and SIGCONT some seconds later
    RESTART = "restart"  # SIGTERM; the supervisor starts it again


@dataclass(frozen=True, slots=True)
class AtPoint:
    """When a service reaches a named point of its code for the n-th time."""

    service: str
    point: str
    visit: int

    def __str__(self) -> str:
        """Say it in words."""
        return f"when {self.service} reaches `{self.point}`, visit {self.visit}"


@dataclass(frozen=True, slots=True)
class AtStage:
    """When the run is first seen in a stage, or past it."""

    stage: str

    def __str__(self) -> str:
        """Say it in words."""
        return f"when the run is {self.stage}"


@dataclass(frozen=True, slots=True)
class After:
    """So many seconds after the story begins."""

    seconds: float

    def __str__(self) -> str:
        """Say it in words."""
        return f"after {self.seconds:.2f} s"


Moment = AtPoint | AtStage | After


@dataclass(frozen=True, slots=True)
class Fault:
    """One disturbance; `seconds` is how long a stop lasts."""

    victim: str
    action: Action
    moment: Moment
    seconds: float = 0.0

    def __str__(self) -> str:
        """Say it in words."""
        span = f" for {self.seconds:.1f} s" if self.action is Action.STOP else ""
        return f"{self.action} {self.victim}{span} {self.moment}"


@dataclass(frozen=True, slots=True)
class Schedule:
    """One disturbed story; `cancel` is when its run is cancelled, where that belongs to it."""

    seed: int
    story: Story
    profile: str
    faults: tuple[Fault, ...]
    cancel: Moment | None = None

    def __str__(self) -> str:
        """Say it in words."""
        cancelled = f", cancelled {self.cancel}" if self.cancel is not None else ""
        return f"{self.story} of `{self.profile}`{cancelled}: {'; '.join(map(str, self.faults))}"
