"""Stopping rules, which decide when the rounds end."""

from alframe.stopping.minimum_cost import MinimumCost, mcal
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
    "HandBudget",
    "MaxCost",
    "MaxRounds",
    "MinimumCost",
    "NoProgress",
    "UnlabelledBelow",
    "mcal",
    "standard",
]
