"""Auto-labels of which, on average, at most a tolerated share is wrong: conformal selection.

The null hypothesis of a pool sample is that its prediction is wrong. With n validation samples, its conformal
p-value is

    p = (1 + number of wrong validation samples that are at least as confident) / (n + 1),

and the procedure of Benjamini and Hochberg is applied to the p-values of the pool. The divisor is n + 1 and
not the number of wrong validation samples plus one: this is the pool's share of nulls, estimated on the
validation set. One null hypothesis a sample covers all classes, so that classes need no correction.

Source: Huang et al., Model-agnostic selective labeling with provable statistical guarantees, 2025, arXiv
2510.14581, second version. The p-values are those of Jin and Candes, Selection by prediction with conformal
p-values, JMLR 24 (2023), for a score that puts every right prediction behind all wrong ones; the proof is
theirs. Ties are not broken at random, so that the accepted are those above one confidence.
"""

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from alframe.auto_label.accept import accept_unjudged, accepted, check_finite
from alframe.config.ranges import check_fields
from alframe.core.records import Accepted, PoolScores, Validation

ROUNDING = 1e-12  # relative; 0.05 * 20 answers must not fail against 1


class ConformalCut(NamedTuple):
    """The predictions that the procedure accepts.

    Attributes:
        above: the confidence strictly above which predictions are accepted; inf accepts none.
        wrong: the number of wrong validation samples above it.
    """

    above: float
    wrong: int


@dataclass(frozen=True, kw_only=True)
class ConformalPolicy:
    """Accepts predictions so that the expected share of wrong ones among them is within the tolerance.

    The promise is one in the mean (the false discovery rate): about half of the trials may be above the
    tolerance. It holds for one use of a validation set that was drawn at random from the pool and did not
    choose the classifier. It is a heuristic if permanent auto-labels of several rounds are added up, or if
    questions change the pool and not the validation set. A bound with high probability is
    `ValidatedPolicy` with "clopper_pearson"; a proof is `certificate.tolerance`.

    Attributes:
        validation_size: at least 1, how many samples the oracle labels for it, once.
        tolerance: in (0, 1), the largest expected share of wrong predictions among the accepted.

    Source: arXiv 2510.14581; Jin and Candes, JMLR 24 (2023).
    """

    validation_size: int
    tolerance: float
    needs: frozenset[str] = field(default=frozenset(), init=False)

    def __post_init__(self) -> None:
        check_fields("auto_label", self)

    def accept(
        self, scores: PoolScores, validation: Validation | None, generator: torch.Generator
    ) -> Accepted:
        """Return the samples whose p-value is rejected, with their predicted class.

        Raises:
            TrialError: a log-odds is NaN.
        """
        if validation is None or len(validation) == 0:
            return accept_unjudged(scores, validation)
        confidence_P, confidence_V = _checked(scores), _checked(validation.scores)
        wrong_V = validation.scores.predicted_P != validation.label_V
        cut = conformal_cut(confidence_V, wrong_V, confidence_P, tolerance=self.tolerance)
        # A validation sample is inside if it would be accepted as one more sample of the pool.
        guest = conformal_cut(confidence_V, wrong_V, confidence_P, tolerance=self.tolerance, n_more=1)
        return accepted(
            scores,
            confidence_P > cut.above,
            threshold=float(torch.tensor(cut.above).sigmoid()) if cut.above < math.inf else None,
            inside_V=confidence_V > guest.above,
            note=self._refusal(wrong_V) if cut.above == math.inf else None,
        )

    def _refusal(self, wrong_V: Tensor) -> str:
        return (
            f"no auto-labels: {int(wrong_V.sum())} of {len(wrong_V)} validation samples are wrong, too many "
            f"among the most confident (tolerance {self.tolerance:g})"
        )


def conformal_cut(
    confidence_V: Tensor, wrong_V: Tensor, confidence_P: Tensor, *, tolerance: float, n_more: int = 0
) -> ConformalCut:
    """Return the lowest cut at which (1 + wrong above) / (n + 1) <= tolerance * share of the pool above.

    The cuts tried are the confidences of the wrong validation samples, and one below all. This is
    Benjamini-Hochberg on the conformal p-values, since these have no other values.

    Args:
        confidence_V: (n,) float64, any order. wrong_V: (n,) bool. confidence_P: (P,) float64, of the pool.
        tolerance: in (0, 1).
        n_more: further samples of the pool, which are above every cut.

    >>> sure_V, wrong_V = torch.arange(99.0), torch.arange(99) == 40
    >>> conformal_cut(sure_V, wrong_V, torch.arange(100.0), tolerance=0.02)  # 2 / 100 <= 0.02 * 100 / 100
    ConformalCut(above=-inf, wrong=1)
    >>> conformal_cut(sure_V, wrong_V, torch.arange(100.0), tolerance=0.019)  # 1 / 100 <= 0.019 * 59 / 100
    ConformalCut(above=40.0, wrong=0)
    """
    below = confidence_V.new_tensor([-math.inf])
    cut_W = torch.cat([confidence_V[wrong_V].sort(descending=True).values, below])
    order_P = confidence_P.sort().values
    n_above_W = len(order_P) - torch.searchsorted(order_P, cut_W, right=True) + n_more
    n_pool, n_wrong_W = len(order_P) + n_more, torch.arange(len(cut_W))
    most_W = tolerance * (len(confidence_V) + 1) * n_above_W.double() * (1 + ROUNDING)
    fits = ((1 + n_wrong_W) * n_pool <= most_W).nonzero().flatten()
    if len(fits) == 0:
        return ConformalCut(math.inf, 0)
    return ConformalCut(float(cut_W[fits[-1]]), int(fits[-1]))


def _checked(scores: PoolScores) -> Tensor:
    """Return (P,) float64, the log-odds."""
    check_finite("log-odds", scores.log_odds_P, scores.index_P)
    return scores.log_odds_P.double()
