"""Query strategies: what to ask next."""

from alframe.query.uncertainty import LeastConfidence, Margin, RandomQuery

__all__ = ["LeastConfidence", "Margin", "RandomQuery"]
