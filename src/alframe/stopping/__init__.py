"""Stopping rules: when enough is labelled."""

from alframe.stopping.cheapest import CheapestNow, mcal
from alframe.stopping.rules import (
    AnyOf,
    HandBudget,
    MaxCost,
    MaxRounds,
    NoProgress,
    UnlabelledBelow,
    standard,
)

__all__ = [
    "AnyOf",
    "CheapestNow",
    "HandBudget",
    "MaxCost",
    "MaxRounds",
    "NoProgress",
    "UnlabelledBelow",
    "mcal",
    "standard",
]
