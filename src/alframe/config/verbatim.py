"""Texts with ${ in resolved configs: names of classes and folders may have it, and it means nothing there.

OmegaConf would take it for an interpolation: `${oc.env:HOME}` as a class name would become what it names.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from omegaconf import OmegaConf

_STAND_IN = "$\ue000\ue001{"  # no text has it


def escaped(node: Any) -> Any:
    """Return a resolved config whose texts OmegaConf resolves to themselves.

    >>> escaped({"class_names": ["${oc.env:HOME}", 7]})
    {'class_names': ['\\\\${oc.env:HOME}', 7]}
    """
    # Backslashes have a meaning only before an interpolation.
    return _with_texts(node, lambda text: re.sub(r"(\\*)\$\{", r"\1\1\\${", text))


def as_yaml(config: Mapping[str, Any]) -> str:
    """Return a resolved config as OmegaConf writes it, with each text as it is."""
    written = OmegaConf.to_yaml(OmegaConf.create(_with_texts(config, lambda t: t.replace("${", _STAND_IN))))
    return written.replace(_STAND_IN, "${")


def _with_texts(node: Any, change: Callable[[str], str]) -> Any:
    if isinstance(node, str):
        return change(node)
    if isinstance(node, Mapping):
        return {key: _with_texts(value, change) for key, value in node.items()}
    if isinstance(node, (list, tuple)):
        return [_with_texts(value, change) for value in node]
    return node
