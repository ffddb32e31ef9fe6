"""The identity of a trial: the settings that its labels depend on, their digest, and a directory name."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

# Keys that may differ between two runs of one trial, because no label depends on them.
_NOT_OF_THE_TRIAL = (
    "data_dir",
    "embeddings_dir",
    "tracker",
    "page",
    "trusted_packages",
    "scoring_engine",
    "experiment",
    "chosen",
    "objective",
)

# Every oracle of people has this key: only they have answers that another trial can take over.
PEOPLE_KEY = "answers_from"


def identity(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a resolved config that labels can depend on. Equal parts mean the same trial.

    >>> identity({"seed": 1, "data_dir": "here"})
    {'seed': 1}
    """
    settings = {key: value for key, value in config.items() if key not in _NOT_OF_THE_TRIAL}
    if isinstance(settings.get("data"), dict):
        free = {"download"}
        if PEOPLE_KEY in (settings.get("oracle") or ()):
            free.add("class_names")  # classes may be added while people label
        settings["data"] = {key: value for key, value in settings["data"].items() if key not in free}
    encoder = settings.get("encoder")
    if isinstance(encoder, dict):
        if encoder.get("_target_") is None:
            del settings["encoder"]  # none, or one that the data decide
        else:
            settings["encoder"] = {key: value for key, value in encoder.items() if key != "runtime"}
    # It is stored as JSON, which turns tuples into lists: convert now, so that comparisons agree.
    return dict(json.loads(json.dumps(settings)))


def digest(content: Any) -> str:
    """Return eight hexadecimal digits of a hash of plain containers, the same in every process."""
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def trial_name(config: Mapping[str, Any]) -> str:
    """Return the name of a trial's directory: its data set, its seed and the digest of its identity.

    >>> trial_name({"data": {"name": "digits"}, "seed": 3})
    'digits_seed3_6033c133'
    """
    data = re.sub(r"[^A-Za-z0-9._-]+", "-", str(config["data"].get("name", "data"))).strip(".-") or "data"
    return f"{data}_seed{config['seed']}_{digest(identity(config))}"
