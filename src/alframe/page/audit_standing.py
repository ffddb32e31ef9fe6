"""Where an audit of given labels stands, as the page shows it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alframe._text import counted, percent

_DOES = {
    "estimate": "how many labels are wrong?",
    "rank": "networks find the suspect labels",
    "mend": "the most suspect labels are asked about and corrected",
    "prove": "a random sample proves how many are wrong at most",
}


@dataclass(frozen=True, kw_only=True)
class AuditStanding:
    """An audit between two questions.

    Attributes:
        stages: in their order. at_most: the most answers of all stages, None without a limit.
        found_wrong: labels found wrong so far. bound: the share of labels that is wrong at most, if known.
        sentences: what was found, at the end; empty before.
    """

    stages: Sequence[str]
    at_most: int | None
    found_wrong: int = 0
    bound: float | None = None
    sentences: Sequence[str] = ()

    def as_json(self, stage: str | None, answered: int) -> dict[str, Any]:
        """Return the standing as the page shows it.

        Args:
            stage: of the open question, None between questions. answered: answers so far.
        """
        return {
            "stages": [
                {"name": name, "does": _DOES.get(name, ""), "now": name == stage} for name in self.stages
            ],
            "found_wrong": self.found_wrong,
            "sentence": self._sentence(stage, answered),
        }

    def _sentence(self, stage: str | None, answered: int) -> str:
        """Return the stage, the answers and what they have found.

        >>> standing = AuditStanding(stages=("estimate", "mend"), at_most=500, found_wrong=3, bound=0.067)
        >>> standing._sentence("mend", 120)
        'Stage 2 of 2 (mend). 120 answers of 500 at most, 3 wrong labels found. At most 6.70 % are wrong now.'
        """
        at_most = "" if self.at_most is None else f" of {self.at_most:,} at most"
        parts = [f"{counted(answered, 'answer')}{at_most}, {counted(self.found_wrong, 'wrong label')} found."]
        if stage in self.stages:
            parts.insert(0, f"Stage {self.stages.index(stage) + 1} of {len(self.stages)} ({stage}).")
        if self.bound is not None:
            parts.append(f"At most {percent(self.bound)} are wrong now.")
        return " ".join(parts)


def with_audit(
    forecast: Mapping[str, Any], standing: AuditStanding, stage: str | None, answered: int
) -> dict[str, Any]:
    """Return the forecast of an audit: it has no auto-labels, and its stages instead of a goal.

    Args:
        forecast: as for a trial. stage: of the open question, None between questions.
        answered: answers so far.
    """
    found = standing.as_json(stage, answered)
    return {
        **forecast,
        "hand_labels": answered,
        "auto_labels": 0,
        "auto_error": None,
        "goal": None,
        "sentence": found["sentence"],
        "audit": found,
    }
