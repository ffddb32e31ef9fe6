"""Seed sets, which choose the first hand labels, and query strategies, which choose those of each round."""

from alframe.query.badge import Badge
from alframe.query.batchbald import BatchBald
from alframe.query.cluster_margin import ClusterMargin
from alframe.query.coreset import Coreset
from alframe.query.disagreement import Bald, VariationRatio, VoteEntropy
from alframe.query.power import PowerBald, PowerEntropy, PowerLeastConfidence, PowerMargin
from alframe.query.probcover import ProbCover
from alframe.query.seed_sets import FirstSeedSet, RandomSeedSet, StratifiedSeedSet
from alframe.query.typiclust import TypiClust, TypiclustSeedSet
from alframe.query.uncertainty import Entropy, LeastConfidence, Margin, ProbabilityMargin, RandomQuery

__all__ = [
    "Badge",
    "Bald",
    "BatchBald",
    "ClusterMargin",
    "Coreset",
    "Entropy",
    "FirstSeedSet",
    "LeastConfidence",
    "Margin",
    "PowerBald",
    "PowerEntropy",
    "PowerLeastConfidence",
    "PowerMargin",
    "ProbCover",
    "ProbabilityMargin",
    "RandomQuery",
    "RandomSeedSet",
    "StratifiedSeedSet",
    "TypiClust",
    "TypiclustSeedSet",
    "VariationRatio",
    "VoteEntropy",
]
