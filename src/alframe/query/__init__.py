"""Seed sets, which choose the first hand labels, and query strategies, which choose those of each round."""

from alframe.query.alfamix import AlfaMix
from alframe.query.badge import Badge
from alframe.query.bait import Bait
from alframe.query.batchbald import BatchBald
from alframe.query.cluster_margin import ClusterMargin
from alframe.query.clustered_seed_sets import CentroidSeedSet, TypiclustSeedSet
from alframe.query.coreset import Coreset
from alframe.query.direct import Direct
from alframe.query.disagreement import Bald, VariationRatio, VoteEntropy
from alframe.query.dropquery import DropQuery
from alframe.query.galaxy import Galaxy
from alframe.query.herding import MaxHerding, UHerding
from alframe.query.power import PowerBald, PowerEntropy, PowerLeastConfidence, PowerMargin
from alframe.query.probcover import ProbCover
from alframe.query.refine import Refine
from alframe.query.schedule import Schedule
from alframe.query.seed_sets import FirstSeedSet, RandomSeedSet, StratifiedSeedSet
from alframe.query.typiclust import TypiClust
from alframe.query.uncertainty import Entropy, LeastConfidence, Margin, ProbabilityMargin, RandomQuery

__all__ = [
    "AlfaMix",
    "Badge",
    "Bait",
    "Bald",
    "BatchBald",
    "CentroidSeedSet",
    "ClusterMargin",
    "Coreset",
    "Direct",
    "DropQuery",
    "Entropy",
    "FirstSeedSet",
    "Galaxy",
    "LeastConfidence",
    "Margin",
    "MaxHerding",
    "PowerBald",
    "PowerEntropy",
    "PowerLeastConfidence",
    "PowerMargin",
    "ProbCover",
    "ProbabilityMargin",
    "RandomQuery",
    "RandomSeedSet",
    "Refine",
    "Schedule",
    "StratifiedSeedSet",
    "TypiClust",
    "TypiclustSeedSet",
    "UHerding",
    "VariationRatio",
    "VoteEntropy",
]
