"""Several processes of this machine, each with a GPU or a part of the cores, by Lightning's launcher."""

import logging
import multiprocessing
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import lightning_fabric
import pytorch_lightning
import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.lightning import LightningEnvironment

# Here, so that the new processes do it too: each would print that it has begun.
for _package in (lightning_fabric, pytorch_lightning):
    logging.getLogger(_package.__name__).setLevel(logging.ERROR)


def on_devices(function: Callable[..., None], n: int, device: torch.device, *arguments: Any) -> None:
    """Call a function in n new processes at once and wait for all of them.

    Args:
        function: of a module; called as function(rank, n, device of the process, *arguments).
        device: its type is that of the processes; CUDA devices are counted from 0.

    Raises:
        Exception: one of the processes has failed; the others are then ended.
    """
    # These processes are on one machine, also on a cluster, so Lightning must not look for a cluster.
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*`srun` command is available.*")
        fabric = Fabric(
            accelerator=device.type, devices=n, strategy="ddp_spawn", plugins=[LightningEnvironment()]
        )
    try:
        fabric.launch(partial(_in_process, function=function, arguments=arguments))
    finally:
        for process in multiprocessing.active_children():  # after Ctrl-C they would go on
            process.terminate()


def _in_process(fabric: Fabric, function: Callable[..., None], arguments: Sequence[Any]) -> None:
    function(fabric.global_rank, fabric.world_size, fabric.device, *arguments)
