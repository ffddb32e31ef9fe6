"""Files of weights: on this machine, or downloaded; and networks without weights."""

import hashlib
import re
import urllib.request
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from alframe._text import one_line
from alframe.core.errors import ConfigError, TrialNotice
from alframe.core.optional_package import require

T = TypeVar("T")
WAIT_SECONDS = 10.0  # for the first answer of a server; the libraries wait and repeat for minutes


def require_package(option: str, package: str, extra: str) -> Any:
    """Return the imported package of an option of encoder/.

    Raises:
        ConfigError: it is not installed, or cannot be imported.
    """
    return require(package, key="encoder", use=f"encoder={option}", install=f"alframe[{extra}]")


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def torch_hub_file(url: str, key: str, name: str) -> Path:
    """Return the file of an address in the cache of torch.hub, downloaded if it is not there.

    Args:
        url: it may end in the beginning of the file's SHA-256, such as resnet18-f37072fd.pth.
        key, name: the setting that names the weights and its value, for errors.

    Raises:
        ConfigError: the file is not there and cannot be downloaded, or is damaged.
    """
    path = Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=WAIT_SECONDS).close()
            _tell_download(key, name)
            torch.hub.download_url_to_file(url, str(path))
        except Exception as error:
            raise not_obtained(key, name, f"Put the file {path.name} into {path.parent}.", error) from error
    begin = path.stem.rpartition("-")[2]
    if re.fullmatch("[0-9a-f]{8,}", begin) and not sha256(path).startswith(begin):
        hint = f"Remove {path}, so that it is fetched again."
        raise ConfigError(key, "an undamaged file of weights", name, hint)
    return path


def hub_file(repository: str, names: list[str], key: str, name: str) -> Path:
    """Return the first of some files of a repository of Hugging Face, from its cache or downloaded.

    Args:
        repository: such as timm/resnet18.a1_in1k, or with @REVISION. names: of files, in order of preference.
        key, name: as for `torch_hub_file`.

    Raises:
        ConfigError: none of the files is in the cache, and none can be downloaded.
    """
    from huggingface_hub import (
        get_hf_file_metadata,
        hf_hub_download,
        hf_hub_url,
        try_to_load_from_cache,
    )
    from huggingface_hub.errors import EntryNotFoundError

    owned, _, revision = repository.partition("@")
    for file in names:
        cached = try_to_load_from_cache(owned, file, revision=revision or None)
        if isinstance(cached, str):
            return Path(cached)
    reason: Exception = FileNotFoundError(f"{owned} has none of {', '.join(names)}")
    for file in names:
        try:
            get_hf_file_metadata(hf_hub_url(owned, file, revision=revision or None), timeout=WAIT_SECONDS)
            _tell_download(key, name)
            return Path(hf_hub_download(owned, file, revision=revision or None))
        except EntryNotFoundError:
            continue
        except Exception as error:
            reason = error
            break
    how = (
        f"Where there is a network, type hf download {owned} {names[0]}, and copy the cache of Hugging Face."
    )
    raise not_obtained(key, name, how, reason) from reason


def _tell_download(key: str, name: str) -> None:
    warnings.warn(f"{key}: the weights of {name} are downloaded.", TrialNotice, stacklevel=3)


def not_obtained(key: str, name: str, how: str, error: Exception) -> ConfigError:
    """Return the error for weights that are not on this machine and cannot be downloaded."""
    hint = f"The download failed: {one_line(error).rstrip('.')}. {how}"
    return ConfigError(key, "weights that are on this machine or can be downloaded", name, hint)


def without_weights(make: Callable[[], T]) -> T:
    """Return what `make` builds, on the device without memory if the network can be built there.

    The random numbers of initial weights are not taken from the global generator.
    """
    with torch.random.fork_rng(devices=[]):
        try:
            with torch.device("meta"):
                return make()
        except NotImplementedError:  # values of tensors decide about the network
            return make()


def without_classifier(network: nn.Module, n_classes: int) -> tuple[nn.Module, int] | None:
    """Replace the last linear layer with n_classes outputs by nothing.

    Returns:
        The network and the number of its features; None without such a layer.
    """
    linear = [
        (name, layer)
        for name, layer in network.named_modules()
        if isinstance(layer, nn.Linear) and layer.out_features == n_classes
    ]
    if not linear:
        return None
    name, layer = linear[-1]
    network.set_submodule(name, nn.Identity())
    return network, layer.in_features
