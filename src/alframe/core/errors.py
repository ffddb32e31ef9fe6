"""The exceptions of alframe: who made the mistake decides how it is told.

A `UserError` is told in one line and ends the process with exit code 2; a `TrialError` ends a trial
that was asked for correctly but could not be finished (exit code 1). Anything else is ours: a bug.
"""


class AlframeError(Exception):
    """Base class of everything alframe raises on purpose."""


class UserError(AlframeError):
    """A mistake in what was asked for; its text says what was expected, what came and what to do."""


class ConfigError(UserError):
    """A setting has a value that it cannot have, or two settings contradict each other."""

    def __init__(self, key: str, expected: str, got: object = None, hint: str = "") -> None:
        """Build the one-line message from the key as typed, what it takes, what came and the way out."""
        came = "" if got is None else f", got {_shown(got)}"
        super().__init__(f"{key}: expected {expected}{came}." + (f" {hint}" if hint else ""))
        self.key = key


class DataError(UserError):
    """The data set is missing, damaged or not fit for labelling."""


class LedgerError(AlframeError):
    """A label was to be written where the ledger's rules forbid it."""


class TrialError(AlframeError):
    """A trial could not be finished."""


class AnswersNeeded(AlframeError):
    """A question is with people; the trial goes on when they have answered. Its text says what to do."""


class Terminated(BaseException):
    """The process got SIGTERM. As an exception it lets trackers close, and the trial reads interrupted."""


class TrialNotice(UserWarning):
    """What the user should know while there is time to act on it; told in one line."""


class DataWarning(TrialNotice):
    """The data could not be taken quite as asked; the trial goes on."""


class EngineWarning(TrialNotice):
    """A faster way could not be taken, or was left; the result is the same."""


class TrainingDiverged(TrialError):
    """The loss or a weight became NaN or infinite."""

    def __init__(self, round: int, reason: str) -> None:
        """Name the round (1-based) and what was seen."""
        super().__init__(
            f"training diverged in round {round}: {reason}. The labels of the rounds before are kept. "
            "Lower the learning rate (learner.optimizer.lr) or check the images for constant input."
        )
        self.round = round
        self.reason = reason


def _shown(value: object) -> str:
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else repr(value)
