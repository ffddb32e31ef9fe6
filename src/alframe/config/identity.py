"""Which trial a config describes: its identity, its digest and the name of its directory."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

# What may differ between two runs of one trial: no label depends on it.
_NOT_OF_THE_TRIAL = ("data_dir", "tracker", "trusted_packages", "experiment", "chosen", "objective")


def identity(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a resolved config that says which trial it is: all that a label can depend on.

    >>> identity({"seed": 1, "data_dir": "here"})
    {'seed': 1}
    """
    own = {key: value for key, value in config.items() if key not in _NOT_OF_THE_TRIAL}
    if isinstance(own.get("data"), dict):
        own["data"] = {key: value for key, value in own["data"].items() if key != "download"}
    # As it reads after a turn through JSON, in which it is kept.
    return dict(json.loads(json.dumps(own)))


def digest(content: Any) -> str:
    """Return eight hexadecimal digits that stand for plain containers, the same in every process."""
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def trial_name(config: Mapping[str, Any]) -> str:
    """Return the name of a trial's directory: its data, its seed and what stands for all else.

    >>> trial_name({"data": {"name": "digits"}, "seed": 3})
    'digits_seed3_6033c133'
    """
    data = re.sub(r"[^A-Za-z0-9._-]+", "-", str(config["data"].get("name", "data"))).strip(".-") or "data"
    return f"{data}_seed{config['seed']}_{digest(identity(config))}"
