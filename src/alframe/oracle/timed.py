"""A simulated person at the labelling page: right most of the time, quick in grids, with seconds counted.

Axes: Q the asked samples.
"""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from alframe.config.ranges import check_fields
from alframe.core.answer_times import AnswerTimes
from alframe.core.errors import ConfigError
from alframe.core.records import PoolScores
from alframe.core.seeds import derive_seed
from alframe.core.selection import among
from alframe.oracle.noisy import flipped, uniform_of_samples


@dataclass(eq=False)
class TimedPerson:
    """Answers like a person who sees a grid of images of one predicted class, or one image at a time.

    A question with predictions is answered in grids: people look at all images of one predicted class at
    once, confirm them and correct the wrong ones that they notice. Everything else, and what must be answered
    without a prediction in sight, is answered one image at a time. A slip depends only on the seed and the
    sample, so that the order of questions changes no answer.

    Attributes:
        truth_N: (N,) int64 in [0, C), the true classes. n_classes: C. seed: the trial's seed.
        single_seconds: for one image alone. grid_seconds: for a full grid; a smaller one takes its share.
        grid: images in a full grid. correction_seconds: for each wrong image that is noticed in a grid.
        overlooked: in [0, 1], the share of wrong images in a grid that are confirmed by mistake.
        mistyped: in [0, 1), the share of typed answers, single ones and corrections, that name another class.
        grids: False answers everything one at a time.
    """

    truth_N: Tensor
    n_classes: int
    seed: int
    single_seconds: float
    grid_seconds: float
    grid: int
    correction_seconds: float
    overlooked: float
    mistyped: float
    grids: bool
    _counts: dict[str, float] = field(init=False)
    _unproven_N: Tensor = field(init=False)
    _proposal: tuple[PoolScores, Tensor] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        check_fields("oracle", self)
        if self.truth_N is None:
            raise ConfigError("oracle", "a data set with true labels for oracle=timed")
        self._counts = {"n_single": 0, "n_grid": 0, "n_grids": 0, "corrections": 0, "full_grids": 0.0}
        self._unproven_N = torch.zeros(len(self.truth_N), dtype=torch.bool)

    def propose(self, scores: PoolScores, blind_Q: Tensor) -> None:
        """Take the predictions for the samples that are asked about next."""
        self._proposal = (scores, blind_Q)

    def unproven(self, index: Tensor) -> Tensor:
        """Return (n,) bool: hand labels (int64) that were confirmed in a grid, and not corrected there."""
        return self._unproven_N[index]

    def label(self, index_Q: Tensor) -> Tensor:
        """Return (Q,) int64 in [0, C), the person's answers."""
        proposal, self._proposal = self._proposal, None
        answer_Q = self._typed(index_Q, "single")
        in_grid_Q = torch.zeros(len(index_Q), dtype=torch.bool)
        if proposal is not None and self.grids:
            scores, blind = proposal
            in_grid_Q = among(index_Q, scores.index_P) & ~among(index_Q, blind)
            index = index_Q[in_grid_Q]
            predicted = _predicted(scores, index)
            answer_Q[in_grid_Q] = self._in_grids(index, predicted)
        self._unproven_N[index_Q] = False
        if bool(in_grid_Q.any()):
            self._unproven_N[index_Q[in_grid_Q]] = answer_Q[in_grid_Q] == predicted
        self._counts["n_single"] += int((~in_grid_Q).sum())
        return answer_Q

    def second_look(self, index_D: Tensor, label_D: Tensor) -> Tensor:
        """Return (D,) int64, the answers to images whose first answer contradicts their label."""
        self._counts["n_single"] += len(index_D)
        return self._typed(index_D, "second look")

    def answer_times(self) -> AnswerTimes:
        """Return the answers so far and their seconds."""
        counts = self._counts
        grid_seconds = (
            counts["full_grids"] * self.grid_seconds + counts["corrections"] * self.correction_seconds
        )
        return AnswerTimes(
            n_single=int(counts["n_single"]),
            single_seconds=counts["n_single"] * self.single_seconds,
            n_grid=int(counts["n_grid"]),
            n_grids=int(counts["n_grids"]),
            grid_seconds=grid_seconds,
        )

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed trial goes on with."""
        return {"counts": dict(self._counts), "unproven_N": self._unproven_N.clone()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take the state of an earlier process."""
        self._counts, self._unproven_N = dict(state["counts"]), state["unproven_N"].clone()

    def _typed(self, index_Q: Tensor, purpose: str) -> Tensor:
        """Return (Q,) int64, answers that are typed: the truth, or seldom another class."""
        return flipped(self.truth_N[index_Q], self._uniform(index_Q, purpose), self.mistyped, self.n_classes)

    def _in_grids(self, index_G: Tensor, predicted_G: Tensor) -> Tensor:
        """Return (G,) int64, the answers to images in grids of one predicted class each."""
        wrong_G = predicted_G != self.truth_N[index_G]
        noticed_G = wrong_G & (self._uniform(index_G, "overlooked") >= self.overlooked)
        n_of_class = torch.bincount(predicted_G, minlength=self.n_classes)
        self._counts["n_grid"] += len(index_G)
        self._counts["n_grids"] += int((-(-n_of_class // self.grid)).sum())
        self._counts["full_grids"] += len(index_G) / self.grid
        self._counts["corrections"] += int(noticed_G.sum())
        return torch.where(noticed_G, self._typed(index_G, "correction"), predicted_G)

    def _uniform(self, index_Q: Tensor, purpose: str) -> Tensor:
        return uniform_of_samples(derive_seed(self.seed, 0, f"oracle/{purpose}"), index_Q)


def _predicted(scores: PoolScores, index: Tensor) -> Tensor:
    """Return (n,) int64, the predicted classes of samples, which are all among the scores."""
    order = scores.index_P.argsort()
    return scores.predicted_P[order[torch.searchsorted(scores.index_P[order], index)]]
