"""Query strategies that are settings of another one."""

from dataclasses import fields, is_dataclass, replace
from typing import Any

import torch

from alframe.core.component_check import check_component


def on_device(strategy: Any, device: torch.device | str) -> Any:
    """Return a query strategy that computes distances on `device`, if it has such a setting.

    Raises:
        ConfigError: it is not a query strategy.
    """
    check_component("query", strategy)
    if is_dataclass(strategy) and "device" in {field.name for field in fields(strategy)}:
        return replace(strategy, device=device)  # type: ignore[type-var]
    return strategy
