"""From which predictions are sure to what is accepted, and the checks that policies share."""

import torch
from torch import Tensor

from alframe.core.errors import TrialError
from alframe.core.records import Accepted, PoolScores, Validation


def accepted(
    scores: PoolScores,
    sure_P: Tensor,
    *,
    threshold: float | None = None,
    inside_V: Tensor | None = None,
    note: str | None = None,
) -> Accepted:
    """Return the pool's samples where `sure_P` (bool) is True, each with its predicted class."""
    return Accepted(
        index_A=scores.index_P[sure_P],
        label_A=scores.predicted_P[sure_P],
        log_odds_A=scores.log_odds_P[sure_P],
        threshold=threshold,
        inside_V=inside_V,
        note=note,
    )


def nothing(scores: PoolScores, validation: Validation | None, note: str) -> Accepted:
    """Return that no sample of the pool is accepted, and why; nor would any of the validation set be."""
    none_V = None if validation is None else torch.zeros(len(validation), dtype=torch.bool)
    return accepted(scores, torch.zeros(len(scores), dtype=torch.bool), inside_V=none_V, note=note)


def check_finite(what: str, value: Tensor, index: Tensor) -> None:
    """Raise `TrialError` that names the first sample of which a value is NaN or infinite.

    Args:
        what: the values, for the message.
        value: (n,) or (n, ...) float. index: (n,) int64, the samples.
    """
    if len(index) == 0:
        return
    bad = ~value.isfinite().flatten(1).all(dim=1) if value.dim() > 1 else value.isnan()
    if bool(bad.any()):
        raise TrialError(
            f"auto_label: expected finite {what}, but those of sample {int(index[bad][0])} are NaN or "
            "infinite. Check the image, or lower learner.optimizer.lr."
        )


def check_needed(policy: object, **given: Tensor | None) -> None:
    """Raise `TrialError` that names the first of the needed scores that did not come."""
    for name, value in given.items():
        if value is None:
            raise TrialError(
                f"auto_label: expected scores with {name} for {type(policy).__name__}, but got none. "
                "A policy names what it reads in its attribute `needs`."
            )
