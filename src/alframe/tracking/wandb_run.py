"""Opens W&B runs without output on the terminal and with all their files in one directory."""

import netrc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from alframe.core.errors import ConfigError, UserError
from alframe.tracking.wandb_environment import Mode

_DATA_DIR = "WANDB_DATA_DIR"


def open_run(*, mode: Mode, directory: Path, key: str, way_out: str, **about: Any) -> Any:
    """Return an open run. The terminal shows no question and no text.

    Args:
        mode: "offline" or "online". directory: the run is below its folder wandb/.
        key: the user's key that asked for the run. way_out: what to do if it cannot be opened.
        **about: the other arguments of `wandb.init`.

    Raises:
        UserError: W&B could not open it.
    """
    import wandb

    quiet = wandb.Settings(silent=True, console="off", save_code=False, disable_git=True, init_timeout=120)
    try:
        # Trials that run in turns have their runs open at the same time.
        return wandb.init(mode=mode, dir=directory, settings=quiet, reinit="create_new", **about)
    except Exception as error:
        raise UserError(f"{key}: W&B could not open a run in mode {mode}: {error}. {way_out}") from error


@contextmanager
def staged_in(directory: Path) -> Iterator[None]:
    """Stage artifacts beside the runs under `directory`, so that they are moved and synced together."""
    before = os.environ.get(_DATA_DIR)
    os.environ[_DATA_DIR] = str(directory / "wandb" / "data")
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(_DATA_DIR, None)
        else:
            os.environ[_DATA_DIR] = before


def check_login(key: str) -> None:
    """Raise `ConfigError` if this machine has no W&B account for online runs."""
    try:
        hosts = list(netrc.netrc().hosts)
    except (OSError, netrc.NetrcParseError):
        hosts = []
    server = urlsplit(os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")).hostname
    if not os.environ.get("WANDB_API_KEY") and server not in hosts:
        raise ConfigError(
            key,
            "a W&B account for mode online",
            "none on this machine",
            f"Run `wandb login` first, or write {key}=offline.",
        )
