"""Records of accepted predictions, and checks that several policies use."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from alframe.core.errors import TrialError
from alframe.core.records import Accepted, PoolScores, Validation


def accepted(scores: PoolScores, chosen: Tensor, **about: Any) -> Accepted:
    """Return some of the pool's samples, each with its predicted class.

    Args:
        scores: of the pool. chosen: (P,) bool, or int64 positions. about: other fields of `Accepted`.
    """
    return Accepted(
        index_A=scores.index_P[chosen],
        label_A=scores.predicted_P[chosen],
        log_odds_A=scores.log_odds_P[chosen],
        **about,
    )


def accept_where(
    rule: Callable[[PoolScores], Tensor],
    scores: PoolScores,
    validation: Validation | None,
    threshold: float | None,
) -> Accepted:
    """Return the pool's samples for which `rule` is True, and which validation samples it accepts.

    Args:
        rule: from scores of n samples to (n,) bool; it looks at each sample alone.
        scores: of the pool. validation: the validation set, or None. threshold: as in `Accepted`.
    """
    inside_V = None if validation is None else rule(validation.scores)
    return accepted(scores, rule(scores), threshold=threshold, inside_V=inside_V)


def accept_none(scores: PoolScores, validation: Validation | None, note: str) -> Accepted:
    """Return an `Accepted` without any sample of the pool or of the validation set.

    Args:
        scores: of the pool. validation: the validation set, or None. note: the reason, for the reader.
    """
    none_V = None if validation is None else torch.zeros(len(validation), dtype=torch.bool)
    return accepted(scores, torch.zeros(len(scores), dtype=torch.bool), inside_V=none_V, note=note)


def accept_unjudged(scores: PoolScores, validation: Validation | None) -> Accepted:
    """Return `accept_none` of a policy that needs a validation set and has no sample in it."""
    return accept_none(scores, validation, "no auto-labels: no validation sample is left to judge them")


def check_finite(what: str, value: Tensor, index: Tensor) -> None:
    """Raise `TrialError` that names the first sample with a NaN, or with an infinite value of several.

    A single log-odds may be infinite: a probability of exactly 1 is valid.

    Args:
        what: the name of the values, for the message.
        value: (n,) or (n, ...) float. index: (n,) int64, the samples' data-set indices.
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
    """Raise `TrialError` that names the first needed score that is None."""
    for name, value in given.items():
        if value is None:
            raise TrialError(
                f"auto_label: expected scores with {name} for {type(policy).__name__}, but got none. "
                "Name every score that the policy reads in its attribute `needs`."
            )
