"""Keys of the learner that are null and therefore get their values by the data; no torch.

The values are in the learner's file, in its section `by_data`: one part for small pools and one for large
pools, one for grey images and one for colour images.
"""

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from alframe.core.errors import ConfigError


def chosen_by_data(config: Mapping[str, Any], *, n_samples: int, n_channels: int) -> dict[str, Any]:
    """Return the values of the learner's keys that are null, by key as typed, such as `learner.steps`.

    Args:
        config: the resolved config. n_samples: samples that take part. n_channels: 1 for grey, 3 for colour.

    >>> parts = {"small_below": 9, "small": {"steps": 5}, "large": {"steps": 7}, "grey": {}, "colour": {}}
    >>> chosen_by_data({"learner": {"steps": None, "by_data": parts}}, n_samples=8, n_channels=1)
    {'learner.steps': 5}
    """
    learner = config["learner"]
    parts = learner.get("by_data")
    if parts is None:
        return {}
    size = "small" if n_samples < parts["small_below"] else "large"
    found = {}
    for part in (size, "grey" if n_channels == 1 else "colour"):
        for path, value in _leaves(parts[part]):
            node, name = _holder(learner, path)
            if node.get(name) is None:
                found[".".join(("learner", *path))] = value
    return found


def with_choices(config: Mapping[str, Any], chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config with the values of `chosen_by_data`, and without the section `by_data`."""
    learner = copy.deepcopy(config["learner"])
    learner.pop("by_data", None)
    for key, value in chosen.items():
        node, name = _holder(learner, tuple(key.split(".")[1:]))
        node[name] = value
    return {**config, "learner": learner}


def _leaves(node: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in node.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, (*path, key))
        else:
            yield (*path, key), value


def _holder(learner: Any, path: tuple[str, ...]) -> tuple[dict[str, Any], str]:
    """Return the mapping that holds a key, and the last part of the key."""
    node = learner
    for part in path[:-1]:
        node = node.get(part) if isinstance(node, dict) else None
    if not isinstance(node, dict):
        raise ConfigError(".".join(("learner", *path)), "a key of this learner", hint="See learner.by_data.")
    return node, path[-1]
