"""A call from Python: checks of its arguments, and messages that speak of the call instead of a command."""

import difflib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch

from alframe.core.errors import AlframeError, ConfigError
from alframe.core.file_names import KEY
from alframe.oracle.callable import CallableOracle

_NAME = re.compile(r"[\w./-]+")
_PLAIN = (bool, int, float, str, np.bool_, np.integer, np.floating, type(None))  # types of values of settings
# What messages say of a command, and what of a call.
_OF_CALL = {
    " (hydra.sweep.dir in a sweep)": "",
    f"Set {KEY} to": "Give as directory",
    f"set {KEY} to": "give as directory",
    KEY: "directory",
    "run the same command": "make the same call",
    "same command": "same call",
    "data_dir: ": "images: ",
}


_ARGUMENTS = (
    "images",
    "labels",
    "class_names",
    "test_images",
    "test_labels",
    "directory",
    "console",
    "settings",
)
_OF_ARGUMENTS = {
    "data.class_names": "Give class_names.",
    "data.path": "Give images and labels.",
    "data": "Give images and labels.",
}


@contextmanager
def as_of_call() -> Iterator[None]:
    """Let errors for people name the arguments of the call and not the keys of a command."""
    try:
        yield
    except AlframeError as error:
        text = str(error)
        if text.startswith("settings: "):  # it names a key as it was given
            raise
        for command, call in _OF_CALL.items():
            text = text.replace(command, call)
        error.args = (text,)
        raise


@contextmanager
def plain_torch() -> Iterator[None]:
    """Run with torch's defaults: float32, the CPU, gradients, no autocast; restore the caller's settings.

    A device as a context sends each call of torch through Python, so it is set only if needed.
    """
    dtype = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    cpu = torch.device("cpu")
    try:
        with (
            torch.inference_mode(False),
            torch.enable_grad(),
            nullcontext() if torch.get_default_device() == cpu else cpu,
            torch.autocast("cpu", enabled=False),
            torch.autocast("cuda", enabled=False),
        ):
            yield
    finally:
        torch.set_default_dtype(dtype)


def check_call(
    choices: Mapping[str, Any], objects: Mapping[str, Any], settings: Any, directory: object
) -> None:
    """Raise `ConfigError`, with the names of the arguments, for a call that cannot be run.

    Args:
        choices: options by group. objects: the user's own components by group.
        settings: config keys with their values. directory: the argument.
    """
    if "data" in choices:
        raise ConfigError("data", "no choice, since the images are given", choices["data"], "Leave it out.")
    for group, option in choices.items():
        if not isinstance(option, str) or not _NAME.fullmatch(option):
            near = difflib.get_close_matches(group, _ARGUMENTS, n=1)
            hint = f"Did you mean {near[0]}?" if near and near[0] != group else ""
            raise ConfigError(group, "the name of an option", _short(option), hint)
    for group, component in objects.items():
        if component is None:
            raise ConfigError(
                group, "the name of an option or an object of your own", hint=f'Write {group}="none".'
            )
    oracle = objects.get("oracle")
    if isinstance(oracle, CallableOracle) and not callable(oracle.answers):
        raise ConfigError("oracle", "a name, a function or an object with label", oracle.answers)
    _check_settings(settings)
    if directory is not None and not (isinstance(directory, (str, Path)) and str(directory)):
        raise ConfigError("directory", "the path of a folder, or None to keep no file", repr(directory))
    if choices.get("oracle") == "files" and directory is None:
        raise ConfigError("directory", "a folder for the questions of oracle=files", hint="Give directory.")


def _check_settings(settings: Any) -> None:
    if not isinstance(settings, Mapping) or not all(_NAME.fullmatch(str(key)) for key in settings):
        raise ConfigError("settings", 'keys with their values, such as {"query.num": 50}', settings)
    for key, value in settings.items():
        if key in _OF_ARGUMENTS or key.startswith("hydra"):
            way_out = _OF_ARGUMENTS.get(key, "Give directory for the trial's files.")
            raise ConfigError(f"settings: {key}", "a key that a call can set", hint=way_out)
        if not _is_plain(value):
            raise ConfigError(
                f"settings: {key}",
                "a number, a text, None, or a list or dictionary of them",
                f"an object of {type(value).__name__}",
                "Give an object as an argument, such as query=MyStrategy().",
            )


def _is_plain(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and _is_plain(each) for key, each in value.items())
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    return isinstance(value, _PLAIN)


def _short(value: object) -> object:
    text = repr(value)
    return value if len(text) <= 60 else f"{text[:57]}..."
