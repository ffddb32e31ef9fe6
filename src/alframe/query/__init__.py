"""Query strategies: what to ask next."""

from alframe.query.badge import Badge
from alframe.query.batchbald import BatchBald
from alframe.query.cluster_margin import ClusterMargin
from alframe.query.committee import Bald, VariationRatio, VoteEntropy
from alframe.query.coreset import Coreset
from alframe.query.power import PowerBald, PowerEntropy, PowerLeastConfidence, PowerMargin
from alframe.query.probcover import ProbCover
from alframe.query.typiclust import TypiClust
from alframe.query.uncertainty import Entropy, LeastConfidence, Margin, RandomQuery

__all__ = [
    "Badge",
    "Bald",
    "BatchBald",
    "ClusterMargin",
    "Coreset",
    "Entropy",
    "LeastConfidence",
    "Margin",
    "PowerBald",
    "PowerEntropy",
    "PowerLeastConfidence",
    "PowerMargin",
    "ProbCover",
    "RandomQuery",
    "TypiClust",
    "VariationRatio",
    "VoteEntropy",
]
