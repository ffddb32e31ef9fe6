"""The settings of a trial as flat facts to filter, group and sort by, such as `query: margin`.

Parts of a key are joined by "/", as in `learner/optimizer/lr`: W&B reads dots as steps into nested values and
advises against them.
"""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from alframe.config.trial_identity import identity

if TYPE_CHECKING:  # so that a report loads no torch
    from alframe.audit.audit_summary import AuditSummary
    from alframe.core.trial_summary import TrialSummary
    from alframe.tracking.base import Status, TrialInfo

Fact = str | int | float | bool | None
MAX_TAG = 64  # characters; W&B refuses longer tags
MAX_NAME = 128  # characters of a run's and a group's name
TAGGED = ("data", "query", "auto_label", "experiment", "policy")


def facts(info: "TrialInfo") -> dict[str, Fact]:
    """Return the settings that labels depend on, the values chosen for `auto`, and the option of each group.

    The data directory, the tracker and the trusted packages are left out: they do not describe the trial and
    could reveal private facts about the machine.
    """
    settings = identity(info.config)
    given = {component: _short(target) for component, target in settings.pop("given", {}).items()}
    found = flat({**settings, "chosen": info.chosen})
    return {**found, "data": info.data, **info.choices, **given}


def flat(node: Mapping[str, Any]) -> dict[str, Fact]:
    """Return the leaves of nested containers by key. A list becomes text, an object the name of its class.

    >>> flat({"optimizer": {"_target_": "torch.optim.AdamW", "_partial_": True, "lr": 0.1}})
    {'optimizer': 'AdamW', 'optimizer/lr': 0.1}
    >>> flat({"network": {"widths": [16, 32]}})
    {'network/widths': '[16,32]'}
    """
    found: dict[str, Fact] = {}
    for key, value in node.items():
        if isinstance(value, Mapping):
            if "_target_" in value:
                found[key] = _short(value["_target_"])
            rest = {name: each for name, each in value.items() if name not in ("_target_", "_partial_")}
            found |= {f"{key}/{name}": each for name, each in flat(rest).items()}
        else:
            found[key] = json.dumps(value, separators=(",", ":")) if isinstance(value, list) else value
    return found


def end_facts(status: "Status", summary: "TrialSummary | AuditSummary | None") -> dict[str, Fact]:
    """Return the status of a trial and the figures of its summary, without the table of classes."""
    figures = {} if summary is None else summary.to_json()
    content = {key: value for key, value in figures.items() if key != "per_class"}
    return {"status": status, **flat(content)}


def tags(info: "TrialInfo", extra: Sequence[str]) -> list[str]:
    """Return tags such as "data:mnist" and "query:margin", then the user's own; each once and cut."""
    found = facts(info)
    described = [f"{key}:{found[key]}" for key in TAGGED if found.get(key) is not None]
    return list(dict.fromkeys(tag[:MAX_TAG] for tag in [*described, *extra]))


def clipped(name: str | None) -> str | None:
    """Return a name cut to the length that W&B allows.

    >>> len(clipped(200 * "a"))
    128
    """
    return name if name is None or len(name) <= MAX_NAME else f"{name[: MAX_NAME - 3]}..."


def _short(target: str | None) -> str:
    return "none" if target is None else target.rpartition(".")[2]
