"""How far the labelling is, how long it takes at a person's pace, and how good the auto-labels are so far."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from alframe._text import counted, percent
from alframe.audit.binomial import exact_interval
from alframe.core.answer_times import Pace
from alframe.core.check_result import CheckResult
from alframe.core.reports import Certificate, RoundReport
from alframe.core.trial_summary import TrialSummary

# Of the intervals that are computed here. A constant: they only inform. What a trial proves has the level of
# certificate.confidence or check.confidence.
LEVEL = 0.95

From = Literal["audit", "check", "spot checks", "validation"]


@dataclass(frozen=True, kw_only=True)
class AutoError:
    """The share of wrong auto-labels; of an audit, that of wrong labels among all.

    Attributes:
        share: the estimate, None if there is only a bound.
        low, high: bounds. confidence: of each bound of a check or an audit, else of both together.
        origin: what says so.
    """

    share: float | None
    low: float
    high: float
    confidence: float
    origin: From


@dataclass(frozen=True, kw_only=True)
class Goal:
    """What was asked for: at most `tolerance` wrong, and whether a certificate proves it in the end."""

    tolerance: float
    certified: bool


@dataclass(frozen=True, kw_only=True)
class Remaining:
    """What is left to answer.

    Attributes:
        answered: answers so far. at_most: the most of the plan in all, None if unknown.
        n_single, n_grid: images of the open question that the person can answer alone and in grids.
        grid_share: of all answers so far that were given in grids, in [0, 1].
    """

    answered: int
    at_most: int | None
    n_single: int
    n_grid: int
    grid_share: float

    def minutes(self, pace: Pace) -> float | None:
        """Return the minutes of all answers that are left at most, None if unknown.

        >>> pace = Pace(single_seconds=1.0, image_seconds=0.1, correction_seconds=0, overlooked=0, mistyped=0)
        >>> left = Remaining(answered=100, at_most=340, n_single=20, n_grid=100, grid_share=0.5)
        >>> left.minutes(pace)  # 20 + 10 s for the question, 120 * 0.55 s for those that follow
        1.6
        """
        if self.at_most is None:
            return None
        now = self.n_single * pace.single_seconds + self.n_grid * pace.image_seconds
        mean = (1 - self.grid_share) * pace.single_seconds + self.grid_share * pace.image_seconds
        later = max(0, self.at_most - self.answered - self.n_single - self.n_grid)
        return (now + later * mean) / 60


def forecast(
    reports: Sequence[RoundReport],
    remaining: Remaining,
    pace: Pace,
    goal: Goal | None,
    *,
    summary: TrialSummary | None = None,
) -> dict[str, Any]:
    """Return the plan and the forecast as the page shows them.

    Args:
        reports: of all rounds so far. pace: of the person. summary: of the end of the trial, None before.
    """
    counts = summary or (reports[-1].counts if reports else None)
    certificate = None if summary is None else summary.certificate
    error = auto_error(reports, None if summary is None else summary.check, certificate)
    minutes = remaining.minutes(pace)
    return {
        "answered": remaining.answered,
        "at_most": remaining.at_most,
        "seconds_single": pace.single_seconds,
        "seconds_grid_image": pace.image_seconds,
        "minutes_left": minutes,
        "auto_labels": counts.auto_labels if counts else 0,
        "hand_labels": counts.hand_labels if counts else 0,
        "auto_error": None if error is None else _as_json(error),
        "goal": None
        if goal is None
        else {"tolerance": goal.tolerance, "sentence": _goal(goal, error, summary, minutes)},
        "sentence": _sentence(remaining, minutes, error, counts.auto_labels if counts else 0),
    }


def auto_error(
    reports: Sequence[RoundReport], check: CheckResult | None, certificate: Certificate | None
) -> AutoError | None:
    """Return how many auto-labels are wrong, by the best that there is; None if nothing says so.

    An audit or a check at the end goes before the spot checks of the rounds, and these before the validation
    set.
    """
    if certificate is not None and certificate.audited:
        return AutoError(
            share=None,
            low=0.0,
            high=certificate.max_wrong_share,
            confidence=certificate.confidence,
            origin="audit",
        )
    if check is not None and check.asked:
        return AutoError(
            share=check.error_share,
            low=check.least_share,
            high=check.most_share,
            confidence=check.confidence,
            origin="check",
        )
    rounds = [each for each in reports if each.kind == "round"]
    if not rounds or not rounds[-1].counts.auto_labels:
        return None
    return _by_spot_checks(rounds[-1]) or _by_validation(rounds[-1])


def _by_spot_checks(report: RoundReport) -> AutoError | None:
    """Return the share of wrong spot checks; they are drawn from the predictions that become auto-labels."""
    n, wrong = report.spot_checks or 0, report.spot_checks_wrong or 0
    return _estimate(wrong, n, "spot checks") if n else None


def _by_validation(report: RoundReport) -> AutoError | None:
    """Return the error among the validation samples that are as confident as the auto-labels of a round."""
    counts, n = report.counts, report.n_validation
    accepted = counts.auto_labels / max(1, counts.auto_labels + counts.unlabelled)
    for share, error in report.validation_errors:
        if share >= accepted and n:
            n_confident = max(1, round(share * n))
            return _estimate(round(error * n_confident), n_confident, "validation")
    return None


def _estimate(wrong: int, n: int, origin: From) -> AutoError:
    low, high = exact_interval(wrong, n, LEVEL)
    return AutoError(share=wrong / n, low=low, high=high, confidence=LEVEL, origin=origin)


def _as_json(error: AutoError) -> Mapping[str, Any]:
    values = asdict(error)
    return {**{key: value for key, value in values.items() if key != "origin"}, "from": error.origin}


_BY = {
    "audit": "the audit",
    "check": "the check",
    "spot checks": "the spot checks so far",
    "validation": "the validation images",
}


def _goal(goal: Goal, error: AutoError | None, summary: TrialSummary | None, minutes: float | None) -> str:
    """Return whether the auto-labels are good enough, or when that will be known."""
    wanted = f"at most {percent(goal.tolerance)} wrong"
    certificate = None if summary is None else summary.certificate
    if summary is not None and not summary.auto_labels:
        return "The classifier labelled no image."
    if certificate is not None:
        return f"Proven: {wanted}." if certificate.reached else f"Not proven: {wanted}."
    if error is not None and error.origin == "check":
        return f"Reached: {wanted}." if error.high <= goal.tolerance else f"Not certain: {wanted}."
    last = "the audit" if goal.certified else "the check"
    when = f"after {_minutes(minutes)} at most" if minutes is not None else "at the end"
    known = f"{last.capitalize()} says it {when}."
    if error is None:
        return f"Wanted: {wanted}. It cannot be said yet. {known}"
    if error.high <= goal.tolerance:
        return f"By {_BY[error.origin]} the auto-labels are good enough: {wanted}. {known}"
    if error.low > goal.tolerance:
        return f"By {_BY[error.origin]} the auto-labels are not good enough yet: {wanted} is wanted. {known}"
    return f"Wanted: {wanted}. {_BY[error.origin].capitalize()} cannot tell it yet. {known}"


def _sentence(remaining: Remaining, minutes: float | None, error: AutoError | None, n_auto: int) -> str:
    """Return the forecast in a sentence or two."""
    parts = [counted(remaining.answered, "answer")]
    if remaining.at_most is not None:
        parts.append(f"of {remaining.at_most:,} at most")
    if minutes:
        parts.append(f"about {_minutes(minutes)} left at most at your pace")
    text = " ".join(parts[:2]) + (f", {parts[2]}" if len(parts) > 2 else "") + "."
    if error is None or not n_auto:
        return text
    if error.origin == "audit":
        return f"{text} At most {percent(error.high)} of all labels are wrong, by the audit."
    interval = f"between {percent(error.low)} and {percent(error.high)}"
    return f"{text} Of the {counted(n_auto, 'auto-label')}, {interval} are wrong, by {_BY[error.origin]}."


def _minutes(minutes: float) -> str:
    """Return minutes in words.

    >>> _minutes(0.4), _minutes(1.2), _minutes(7.5), _minutes(150)
    ('1 minute', '2 minutes', '8 minutes', '2 h 30 min')
    """
    whole = max(1, -int(-minutes // 1))
    return counted(whole, "minute") if whole < 120 else f"{whole // 60} h {whole % 60:02d} min"
