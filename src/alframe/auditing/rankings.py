"""Rankings of the labels of an audit: made once, kept in the audit's directory, read again after a stop.

Axes: N the samples of the data set's file; C the classes.
"""

import io
import time
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from alframe._files import replace_file
from alframe.audit.audit_state import LabelRanking
from alframe.audit.label_ranking import label_quality
from alframe.core.errors import TrialNotice
from alframe.core.file_names import STATE, state_file
from alframe.core.seeds import derive_seed
from alframe.learner import CNNLearner
from alframe.trial.out_of_sample import CrossValidation, out_of_sample


@dataclass(kw_only=True, eq=False)
class KeptRankings:
    """Ranks the labels of a round, or returns the ranking of that round that an earlier process has made.

    Attributes:
        directory: of the audit. learner: with images, recipe and network.
        plan: of the networks. method: orders the labels. seed: of the audit.
        log_probs_NC: float32, probabilities to take instead of those of networks, NaN without one; or None.
        n_trained: rankings that this process has made.
    """

    directory: Path
    learner: CNNLearner
    plan: CrossValidation
    method: str
    seed: int
    log_probs_NC: Tensor | None
    n_trained: int = 0

    def __call__(self, label_N: Tensor, known_N: Tensor, round: int) -> LabelRanking:
        """Return the ranking of a round; see `alframe.audit.audit_state.Ranker`."""
        file = self.directory / STATE / state_file(round)
        kept = _read(file)
        if kept is not None:
            return kept
        begun = time.perf_counter()
        if self.log_probs_NC is None:
            seed = derive_seed(self.seed, round, "ranking")
            log_probs_NC = out_of_sample(self.learner, label_N, known_N, self.plan, seed=seed)
            self.n_trained += 1
        else:
            log_probs_NC = self.log_probs_NC
        ranking = rank_labels(log_probs_NC, label_N, self.method, seconds=time.perf_counter() - begun)
        replace_file(file, lambda opened: torch.save(asdict(ranking), opened))
        return ranking


def rank_labels(log_probs_NC: Tensor, label_N: Tensor, method: str, *, seconds: float = 0.0) -> LabelRanking:
    """Return the ranking of labels by probabilities.

    Args:
        log_probs_NC: (N, C) float32, NaN for samples without probabilities: they come last.
        label_N: (N,) int64, -1 without a label. method: as in `label_quality`. seconds: that it took.
    """
    n = len(log_probs_NC)
    index = ((label_N >= 0) & ~log_probs_NC.isnan().any(dim=1)).nonzero().flatten()
    log_probs_LC, label_L = log_probs_NC[index].double(), label_N[index]
    quality_N, odds_N = torch.full((n,), torch.nan), torch.full((n,), torch.nan)
    predicted_N = torch.full((n,), -1)
    quality_N[index] = label_quality(log_probs_NC[index], label_L, method)
    predicted_N[index] = log_probs_LC.argmax(dim=1)
    own_L = log_probs_LC.gather(1, label_L[:, None])[:, 0]
    rest_LC = log_probs_LC.scatter(1, label_L[:, None], -torch.inf)
    odds_N[index] = (own_L - rest_LC.logsumexp(dim=1)).float()
    return LabelRanking(quality_N=quality_N, predicted_N=predicted_N, log_odds_N=odds_N, seconds=seconds)


def _read(file: Path) -> LabelRanking | None:
    """Return the ranking in a file; None without it, or if it is damaged: it is then made again."""
    if not file.exists():
        return None
    try:
        return LabelRanking(**torch.load(io.BytesIO(file.read_bytes()), weights_only=True))
    except Exception as error:  # torch and pickle raise many kinds for a damaged file
        warnings.warn(
            f"{file.name}: damaged ({type(error).__name__}); the ranking is made again.",
            TrialNotice,
            stacklevel=2,
        )
        return None
