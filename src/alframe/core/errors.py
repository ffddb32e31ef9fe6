"""The exceptions and warnings of alframe.

A `UserError` is the user's mistake: it is printed in one line, and the exit code is 2. A `TrialError` ends a
trial that was configured correctly but could not be finished; the exit code is 1. Any other exception is a
bug of alframe.
"""

from dataclasses import dataclass


class AlframeError(Exception):
    """The base class of all exceptions that alframe raises on purpose."""


class UserError(AlframeError):
    """A mistake of the user; its text names the expected value, the given value and the way out."""


class ConfigError(UserError):
    """A setting is out of its range, or two settings contradict each other."""

    def __init__(self, key: str, expected: str, got: object = None, hint: str = "") -> None:
        """Build the one-line message: the key as typed, the expected and the given value, and the way out."""
        given = "" if got is None else f", got {_shown(got)}"
        super().__init__(f"{key}: expected {expected}{given}." + (f" {hint}" if hint else ""))
        self.key = key


class OtherTrialError(UserError):
    """A directory belongs to another trial."""


class DataError(UserError):
    """The data set is missing, damaged or not fit for labelling."""


class LedgerError(AlframeError):
    """A label would break the rules of the ledger."""


class TrialError(AlframeError):
    """A trial could not be finished."""


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """What a trial waits for.

    Attributes:
        question: the purpose, such as "seed", "query" or "audit". round: its number.
        wanted: samples of the question. answered: those with an answer.
        how: how to answer, in a sentence.
        at_most: the most answers that the trial's plan asks in all, if the first ones name two classes; None
            if it is not known.
    """

    question: str
    round: int
    wanted: int
    answered: int
    how: str
    at_most: int | None = None


class AnswersNeeded(AlframeError):
    """People have to answer a question before the trial can continue; the text says how."""

    def __init__(self, text: str, waiting: Waiting | None = None) -> None:
        """Store the text and what the trial waits for."""
        super().__init__(text)
        self.waiting = waiting


class Terminated(BaseException):
    """The process got SIGTERM. As an exception it lets trackers close, and the trial reads interrupted."""


class TrialNotice(UserWarning):
    """A one-line warning that the user can still act on."""


class DataWarning(TrialNotice):
    """The data differs from what the settings ask for; the trial continues."""


class EngineWarning(TrialNotice):
    """A faster engine could not be used; the result is the same."""


class TrainingDiverged(TrialError):
    """The loss or a weight became NaN or infinite."""

    def __init__(self, round: int, reason: str) -> None:
        """Store the round (1-based) and the reason."""
        super().__init__(
            f"training diverged in round {round}: {reason}. The labels of the rounds before are kept. "
            "Lower the learning rate (learner.optimizer.lr) or check the images for constant input."
        )
        self.round = round
        self.reason = reason


def _shown(value: object) -> str:
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else repr(value)
