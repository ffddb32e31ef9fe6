"""Keys that have a new name or were removed. The error for an old name states the new one, or why."""

from collections.abc import Mapping
from typing import Any

from alframe.core.errors import ConfigError

_MOVED = {
    "learner.committee_passes": "learner.committee.passes",
    "learner.committee_dropout": "learner.committee.dropout",
    "learner.final_networks": "learner.final.networks",
    "learner.final_warm": "learner.final.warm",
    "learner.final_steps": "learner.final.steps",
    "learner.final_views": "learner.final.views.n",
    "learner.final_views_share": "learner.final.views.share",
    "learner.final_views_strength": "learner.final.views.strength",
}
_REMOVED = {
    "oracle.reask": "A trial asks about no sample twice, so it changed nothing. Leave it out.",
}


def check_moved_key(key: str) -> None:
    """Raise `ConfigError` with the new name of a key that has moved, or why it was removed.

    >>> check_moved_key("learner.final_warm")
    Traceback (most recent call last):
    ...
    alframe.core.errors.ConfigError: learner.final_warm: expected its new name. Write learner.final.warm.
    """
    if key in _MOVED:
        raise ConfigError(key, "its new name", hint=f"Write {_MOVED[key]}.")
    if key in _REMOVED:
        raise ConfigError(key, "no such key, since it was removed", hint=_REMOVED[key])


def check_moved_keys(config: Mapping[str, Any]) -> None:
    """Raise `ConfigError` for the first key of a config that has moved or was removed.

    Args:
        config: the resolved config as plain containers.
    """
    for group in ("learner", "oracle"):
        for key in config[group]:
            check_moved_key(f"{group}.{key}")
