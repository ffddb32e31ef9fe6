"""Scoring with one learner's settings."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from torch import Tensor, nn

from alframe.core.records import PoolScores
from alframe.data.image_bank import Bank
from alframe.learner.compute.device import Compute
from alframe.learner.interfaces import Forward, Progress
from alframe.learner.scoring.batch_size import BatchSize
from alframe.learner.scoring.committee import Committee, score_details
from alframe.learner.scoring.logit_cache import LogitCache
from alframe.learner.scoring.pool import score_pool
from alframe.learner.scoring.test_time_augmentation import Views, rescore_with_tta


class Scorer:
    """Scores images of a bank with given networks.

    Args:
        normalize: maps uint8 images to the networks' input. forward: runs networks over images.
        compute: device and precision. batch_size: images per forward pass.
        committee: the members of a committee. cache: keeps log-probabilities, or None.
    """

    def __init__(
        self,
        *,
        normalize: nn.Module,
        forward: Forward,
        compute: Compute,
        batch_size: BatchSize,
        committee: Committee,
        cache: LogitCache | None,
    ) -> None:
        self.normalize = normalize
        self.batch_size = batch_size
        self.cache = cache
        self._forward = forward
        self._compute = compute
        self._committee = committee

    def score(
        self,
        networks: Sequence[nn.Module],
        bank: Bank,
        index_P: Tensor,
        needs: frozenset[str],
        progress: Progress | None,
    ) -> PoolScores:
        """Return the scores of `index_P`; see `score_pool`."""
        return score_pool(
            networks,
            self.normalize,
            bank,
            index_P,
            compute=self._compute,
            batch_size=self.batch_size,
            needs=needs,
            progress=progress,
            cache=self.cache,
            forward=self._forward,
        )

    def rescore(
        self,
        scores: PoolScores,
        networks: Sequence[nn.Module],
        bank: Bank,
        alter: Callable[[Tensor], Tensor],
        views: Views,
    ) -> PoolScores:
        """Return the scores with test-time augmentation; see `rescore_with_tta`."""
        return rescore_with_tta(
            scores,
            networks,
            self.normalize,
            alter,
            bank,
            compute=self._compute,
            batch_size=self.batch_size,
            views=views,
        )

    def with_details(
        self,
        scores: PoolScores,
        networks: Sequence[nn.Module],
        bank: Bank,
        needs: frozenset[str],
        seed: int,
    ) -> PoolScores:
        """Return the scores with features and members added; see `score_details`."""
        details = score_details(
            networks,
            self.normalize,
            bank,
            scores.index_P,
            compute=self._compute,
            batch_size=self.batch_size,
            needs=needs,
            committee=self._committee,
            seed=seed,
        )
        return replace(scores, **details._asdict())
