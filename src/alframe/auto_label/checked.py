"""Auto-labelling that is earned: random spot checks judge the predictions before any of them becomes a label.

A classifier of few labels can be sure and wrong, on a small pool most of all. A part of each question is
therefore drawn at random from the predictions above the threshold. The classifier has not learned from these
samples, so that the answers estimate the error of what would be auto-labelled. Afterwards they are hand
labels like all others.
"""

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from alframe.auto_label.accept import accept_none, accept_where
from alframe.auto_label.threshold_search import Cut, cut_by_tests
from alframe.config.ranges import check_fields
from alframe.core.ledger import CANNOT_TELL, NO_ANSWER
from alframe.core.log_odds import logit
from alframe.core.records import Accepted, PoolScores, Validation

NUM_CUTS = 20  # thresholds that are tested with one set of spot checks


@dataclass(kw_only=True, eq=False)
class CheckedPolicy:
    """Accepts predictions above a threshold, once spot checks show that few enough of them are wrong.

    It remembers its spot checks, so that an instance belongs to one trial. The tests look at the spot checks
    of the last round, of the last two rounds and so on, since the errors of early classifiers say little.
    This is a heuristic and no proof. A proof is `certificate.tolerance`.

    Attributes:
        threshold: a probability strictly between 0 and 1, the lowest that is accepted.
        check_share: in (0, 1], the share of a question that is used for spot checks.
        sure_share: in [0, 1]; spot checks begin if no more than this share of the pool is above the
            threshold, or if the query strategy leaves questions unused. They go on until they allow a label.
        tolerance: in (0, 1), the largest share of wrong predictions among the accepted.
        delta: in (0, 1), the largest probability of so few errors at that share; see `cut_by_tests`.
    """

    threshold: float
    check_share: float
    sure_share: float
    tolerance: float
    delta: float
    needs: frozenset[str] = field(default=frozenset(), init=False)

    def __post_init__(self) -> None:
        check_fields("auto_label", self)
        none = torch.empty(0, dtype=torch.int64)
        self._checks = {"index": none, "predicted": none, "label": none, "look": none}
        self._log_odds_K = torch.empty(0)
        self._sure = False  # whether no spot check was wanted in the last question, by `sure_share`

    def checked(self) -> tuple[int, int]:
        """The number of spot checks so far, and how many of these predictions were wrong."""
        return len(self._log_odds_K), int(self._wrong().sum())

    def _wrong(self) -> Tensor:
        """Return (K,) bool, True for a spot check whose prediction was wrong."""
        return self._checks["predicted"] != self._checks["label"]

    def judged(self, scores: PoolScores) -> Tensor:
        """Return (P,) bool: the predictions above `threshold`."""
        return scores.log_odds_P.double() > logit(self.threshold)

    def trusted(self, scores: PoolScores) -> Tensor:
        """Return (P,) bool: the judged predictions above the cut; all judged ones if there is no cut yet."""
        cut = self._cut()
        return self.judged(scores) & (scores.log_odds_P.double() > (-math.inf if cut is None else cut.above))

    def n_checks(self, n: int, n_judged: int, n_rest: int) -> int:
        """Return how many of n questions are spot checks: none once all judged predictions are trusted.

        Args:
            n_judged: predictions that are judged. n_rest: samples that the query strategy can choose.
        """
        cut = self._cut()
        if cut is not None and cut.above <= logit(self.threshold):
            return 0
        unchecked = len(self._log_odds_K) == 0
        self._sure = unchecked and n <= n_rest and n_judged > self.sure_share * (n_judged + n_rest)
        share = 0.0 if self._sure else self.check_share
        return min(n_judged, max(n - n_rest, math.ceil(share * n)))

    def learn(self, scores: PoolScores, answer_N: Tensor) -> None:
        """Remember the spot checks of a round.

        Args:
            scores: of the new spot checks, from before their answers.
            answer_N: int64, the current answers for all samples, as `LabelLedger.answer_of` returns them.
                `NO_CLASS` counts as a wrong prediction, `CANNOT_TELL` is left out. Earlier spot checks are
                judged again, since people may have changed an answer.
        """
        looks = self._checks["look"]
        look = int(looks.max()) + 1 if len(looks) else 0
        new = {"index": scores.index_P, "predicted": scores.predicted_P}
        new |= {"label": scores.index_P, "look": torch.full_like(scores.index_P, look)}
        joined = {name: torch.cat([old, new[name]]) for name, old in self._checks.items()}
        joined["label"] = answer_N[joined["index"]]
        usable = (joined["label"] != CANNOT_TELL) & (joined["label"] != NO_ANSWER)
        self._log_odds_K = torch.cat([self._log_odds_K, scores.log_odds_P.float()])[usable]
        self._checks = {name: value[usable] for name, value in joined.items()}

    def accept(
        self, scores: PoolScores, validation: Validation | None, generator: torch.Generator
    ) -> Accepted:
        """Return the trusted predictions.

        There are none if the spot checks do not allow it. Without spot checks there are none either, unless
        `sure_share` made them needless when the last question was chosen.
        """
        n, wrong = self.checked()
        cut = self._cut()
        if cut is None and not self._sure:
            found = (
                f"{wrong} of {n} spot checks of predictions were wrong" if n else "no prediction was checked"
            )
            return accept_none(scores, validation, f"no auto-labels yet: {found}")
        threshold = self.threshold
        if cut is not None and cut.above > logit(threshold):
            threshold = float(torch.tensor(cut.above, dtype=torch.float64).sigmoid())
        return accept_where(self.trusted, scores, validation, threshold)

    def _cut(self) -> Cut | None:
        """Return the lowest cut that the newest spot checks allow, or None if they allow none."""
        wrong_K, look_K = self._wrong(), self._checks["look"]
        cuts = [
            cut_by_tests(
                self._log_odds_K[look_K >= first],
                wrong_K[look_K >= first],
                tolerance=self.tolerance,
                delta=self.delta,
                min_support=1,
                num_cuts=NUM_CUTS,
            )
            for first in look_K.unique().tolist()
        ]
        return min((cut for cut in cuts if cut.accepts), key=lambda cut: cut.above, default=None)

    def state_dict(self) -> dict[str, Any]:
        """Return the spot checks, and whether none were wanted."""
        return {**self._checks, "log_odds": self._log_odds_K, "sure": self._sure}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue with the spot checks that `state_dict` returned."""
        self._checks = {name: state[name] for name in self._checks}
        self._log_odds_K, self._sure = state["log_odds"], state["sure"]
