"""A question by alframe's query strategies."""

import numpy as np
import torch
from numpy.typing import NDArray

from alframe.config.compose import composed
from alframe.core.log_odds import entropy, log_margin, log_odds
from alframe.core.records import Labelled, LastLayer, PoolScores
from alframe.trial.instantiate import instantiate
from peers.pool import Pool

AMOUNT = ("share", "num", "default_share", "default_at_least", "share_of")
# Of the strategies that ask a random third of the best by default: the very best, as the peers ask.
OVERRIDES = {
    "margin": ["query=probability_margin", "query.spread=1"],
    "entropy": ["query=entropy", "query.spread=1"],
}


class Question:
    """A strategy with the scores that it needs, as the loop hands them over."""

    def __init__(self, strategy: str, pool: Pool) -> None:
        query = composed(OVERRIDES.get(strategy, [f"query={strategy}"]))["query"]
        self.strategy = instantiate("query", {k: v for k, v in query.items() if k not in AMOUNT}, [])
        needs = self.strategy.needs
        log_probs_PC = torch.from_numpy(pool.probs_PC).log()
        predicted_P, log_odds_P = log_odds(log_probs_PC)
        n, n_labelled = len(predicted_P), len(pool.label_L)
        features_LD = torch.from_numpy(pool.features_LD)
        weight_CD = torch.from_numpy(pool.weight_CD)
        self.scores = PoolScores(
            index_P=torch.arange(n),
            predicted_P=predicted_P,
            log_odds_P=log_odds_P,
            margin_P=log_margin(log_probs_PC) if "margin" in needs else None,
            entropy_P=entropy(log_probs_PC) if "entropy" in needs else None,
            log_probs_PC=log_probs_PC if "log_probs" in needs else None,
            members_PKC=torch.from_numpy(pool.members_KPC).transpose(0, 1).log()
            if "members" in needs
            else None,
            features_PD=torch.from_numpy(pool.features_PD) if "features" in needs else None,
            last_layer=LastLayer(weight_CD=weight_CD, bias_C=torch.zeros(len(weight_CD)))
            if "last_layer" in needs
            else None,
        )
        self.labelled = Labelled(
            index_L=torch.arange(n, n + n_labelled),
            label_L=torch.from_numpy(pool.label_L),
            hand_L=torch.ones(n_labelled, dtype=torch.bool),
            pool_P=torch.arange(n),
            features_LD=features_LD if "labelled_features" in needs else None,
            log_probs_LC=(features_LD @ weight_CD.T).log_softmax(dim=1)
            if "labelled_log_probs" in needs
            else None,
        )

    def ask(self, n: int) -> NDArray[np.int64]:
        """Return the positions in the pool."""
        generator = torch.Generator().manual_seed(0)
        scores = self.scores
        choose = getattr(self.strategy, "candidates", None)
        if choose is not None:
            scores = scores.at(torch.isin(scores.index_P, choose(scores, n, generator)))
        index_Q: NDArray[np.int64] = self.strategy.select(scores, self.labelled, n, generator).numpy()
        return index_Q
