"""The check of a learner's settings that depend on each other; no torch."""

from typing import Any

from alframe.config.checks import one_of
from alframe.config.key_checks import known
from alframe.core.errors import ConfigError

# The values of `auto_labels` that each recipe accepts; a user's own recipe may accept others.
_AUTO_LABEL_USES = {
    "alframe.learner.ConsistencyRecipe": ("consistency", "train", "agree"),
    "alframe.learner.PhotographRecipe": ("consistency", "train", "agree"),
    "alframe.learner.SupervisedRecipe": ("train", "ignore"),
    "alframe.learner.HeadRecipe": ("consistency", "train"),
}
# Keys that may be null if the learner has a section `by_data`.
_BY_DATA = ("steps", "steps_growth", "pool_batch_size", "warm_start")

_PARTS_OF_A_RECIPE = {
    "augment": ("rotation", "scale", "shear", "shift", "elastic", "flip"),
    "one_cycle": ("pct_start", "div_factor", "final_div_factor", "three_phase"),
}


def learner(key: str, value: Any) -> None:
    """Check settings of a recipe that depend on each other: auto-labels, early stopping and epochs."""
    if not isinstance(value, dict):
        return
    for name in _BY_DATA if value.get("by_data") is None else ():
        if name in value and value[name] is None:
            hint = f"Only a learner with a section {key}.by_data chooses it by the data."
            raise ConfigError(f"{key}.{name}", "a value", "null", hint)
    uses = _AUTO_LABEL_USES.get(value.get("_target_", ""))
    if uses is not None:
        for part, names in _PARTS_OF_A_RECIPE.items():
            known(f"{key}.{part}", value.get(part) or {}, names)
    if uses is not None and "auto_labels" in value:
        one_of(*uses)(f"{key}.auto_labels", value["auto_labels"])
    if "patience" not in value or "validation_share" not in value:
        return
    patience, held_out = value["patience"], value["validation_share"]
    if (patience is None) != (held_out is None):
        both = f"patience={patience} and validation_share={held_out}".replace("None", "null")
        raise ConfigError(
            key, "early stopping with both patience and validation_share, or null for both", both
        )
    if patience is None and value.get("max_epochs") is None:
        hint = f"Write {key}.max_epochs=50."
        raise ConfigError(f"{key}.max_epochs", "a number of epochs without early stopping", "null", hint)
