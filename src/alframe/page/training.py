"""What a trial computes between two questions, and how long it will still take."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from alframe.core.reports import RoundReport

_SHARE_THAT_TELLS, _SECONDS_THAT_TELL = 0.05, 2.0  # of a step, before its rate says how long the rest takes


@dataclass(frozen=True, kw_only=True)
class Training:
    """What the trial computes.

    Attributes:
        what: in words. round: of the trial. since: when it began, of `time.monotonic`.
        seconds_before: what the same took in the round before, None if unknown.
        done_share: of the present step, None if unknown. step_since: when that step began.
    """

    what: str
    round: int
    since: float
    seconds_before: float | None = None
    done_share: float | None = None
    step_since: float = 0.0

    @classmethod
    def begun(cls, what: str, round: int, reports: Sequence[RoundReport]) -> Self:
        """Return a training that begins now; `reports` are those of the rounds before."""
        took = [each.fit.seconds + (each.score_seconds or 0.0) for each in reports if each.fit is not None]
        before = took[-1] if took else None
        return cls(what=what, round=round, since=time.monotonic(), seconds_before=before)

    def at_step(self, what: str, done: int, total: int | None) -> Self:
        """Return the training when a part of a step is done; `total` is None if unknown."""
        step_since = self.step_since if what == self.what else time.monotonic()
        return replace(self, what=what, done_share=done / total if total else None, step_since=step_since)

    def seconds_left(self, now: float) -> float | None:
        """Return the seconds that are left, at least 0; None if unknown.

        They are those of the round before or, in the first round, those of the present step at its rate.

        >>> step = Training(what="encode", round=1, since=0.0, done_share=0.25, step_since=10.0)
        >>> step.seconds_left(now=30.0)
        60.0
        """
        if self.seconds_before is not None:
            return max(0.0, self.seconds_before - (now - self.since))
        took = now - self.step_since
        if self.done_share is None or self.done_share < _SHARE_THAT_TELLS or took < _SECONDS_THAT_TELL:
            return None
        return took * (1 - self.done_share) / self.done_share
