"""Small recipes and readers that several tests share."""

from functools import partial
from typing import Any

import torch

from alframe.learner import ConsistencyRecipe


def small_recipe(**changes: Any) -> ConsistencyRecipe:
    """Return the fast recipe cut down to a few small steps."""
    settings: dict[str, Any] = {
        "optimizer": partial(torch.optim.AdamW, lr=1e-2),
        "steps": 5,
        "batch_size": 8,
        "pool_batch_size": 8,
        "average_decay": 0.9,
        "confident": 0.6,
        "weight": 1.0,
        "one_cycle": {"pct_start": 0.3},
        "augment": {"rotation": 5.0, "scale": 0.1, "shear": 0.1, "shift": 0.05, "elastic": 0.02},
    }
    return ConsistencyRecipe(**{**settings, **changes})
