"""The record of a command in the directory of its trial: the folder .hydra.

Hydra itself would write it before the trial is known to belong there. So conf/config.yaml turns that off.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from alframe._files import replace_file
from alframe.core.errors import OtherTrialError, TrialError, UserError
from alframe.core.file_names import FAILURE, HYDRA


@contextmanager
def command_recorded(directory: Path, node: DictConfig) -> Iterator[None]:
    """Write the record of this command. If the block refuses it, the directory has the record from before.

    Args:
        directory: of the trial. node: its config as composed.
    """
    files = {directory / HYDRA / name: text for name, text in _record(node).items()}
    before = {file: file.read_bytes() for file in files if file.is_file()}
    with suppress(OSError, TrialError):  # the trial itself reports that nothing can be written
        (directory / HYDRA).mkdir(parents=True, exist_ok=True)
        for file, text in files.items():
            replace_file(file, text)
    try:
        yield
    except UserError as error:
        for file in files if (directory / HYDRA).is_dir() else ():  # a new trial has removed its directory
            if file in before:
                replace_file(file, before[file])
            elif isinstance(error, OtherTrialError):  # as of a trial from Python, which has no such record
                file.unlink(missing_ok=True)
        raise


def _record(node: DictConfig) -> dict[str, str]:
    """Return the text of each file, as Hydra writes them."""
    return {
        "config.yaml": OmegaConf.to_yaml(node),
        "hydra.yaml": OmegaConf.to_yaml(HydraConfig.instance().cfg),
        "overrides.yaml": OmegaConf.to_yaml(HydraConfig.get().overrides.task),
    }


@contextmanager
def without_failure(directory: Path) -> Iterator[None]:
    """Remove the reason of an earlier end. If the block finds another trial, that one keeps its reason."""
    file = directory / FAILURE
    earlier = file.read_bytes() if file.is_file() else None
    file.unlink(missing_ok=True)
    try:
        yield
    except OtherTrialError:
        if earlier is not None:
            replace_file(file, earlier)
        raise
