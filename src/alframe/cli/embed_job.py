"""One job of `alframe-embed`: from a composed config to vectors in the store. Imports torch."""

import time
import warnings
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig
from torch import Tensor

from alframe._text import counted, duration
from alframe.cli.exit_codes import print_error
from alframe.cli.interrupts import end_with_parent
from alframe.cli.job import config_of, find_own_packages, format_warning
from alframe.cli.sweep import Launch
from alframe.core.errors import AlframeError, ConfigError, DataWarning, TrialNotice
from alframe.core.file_names import shown
from alframe.data import ImageDataset, Images
from alframe.data.decoded import Progress, UnreadableImages, unreadable_line
from alframe.embedding import Encoder, Filled, GivenVectors, fill
from alframe.embedding.export import check_target, export
from alframe.embedding.store import Store, store_folder
from alframe.embedding.store_writer import Shard
from alframe.learner.compute.device import Compute
from alframe.learner.compute.threads import limited_threads
from alframe.tracking import ConsoleTracker
from alframe.trial.assemble import load_data, members
from alframe.trial.encoding import make_encoder
from alframe.trial.settings import read_settings

Config = dict[str, Any]


def run_embed_job(node: DictConfig, launch: Launch) -> None:
    """Encode the images of a composed config and print what was done.

    Raises:
        AlframeError: as `fill`; or no image can be read; or `out` cannot be written.
    """
    warnings.formatwarning = format_warning
    is_command = HydraConfig.get().mode != RunMode.MULTIRUN or launch.in_this_process()
    if not is_command:
        end_with_parent()
    config = config_of(node)
    find_own_packages(config)
    with limited_threads(config["threads"]) as n_threads:
        for line in _embed(config, n_threads, bar=None if is_command else False):
            print(line, flush=True)


def _embed(config: Config, n_threads: int, bar: bool | None) -> Iterator[str]:
    begun, file = time.monotonic(), _target(config)
    work = Work.of(config)
    n_before, n_devices = work.store().n_vectors, config["devices"]
    if n_devices > 1:
        from alframe.embedding.devices import on_devices  # imports Lightning

        threads = max(1, n_threads // n_devices) if work.device.type == "cpu" else n_threads
        on_devices(_embed_part, n_devices, work.device, {**config, "threads": threads})
    console = ConsoleTracker(bar=bar)
    filled = work.fill(console.progress)
    console.close_bar()
    n_new = sum(each.n_new for each in filled) if n_devices == 1 else work.store().n_vectors - n_before
    yield from work.report(filled, n_new, time.monotonic() - begun)
    if file is not None:
        yield work.export(filled[0], file)


def _embed_part(rank: int, n: int, device: torch.device, config: Config) -> None:
    """Encode one of n parts of the images of a config, in a process of its own."""
    end_with_parent()
    warnings.formatwarning = format_warning
    warnings.simplefilter("ignore", DataWarning if rank == 0 else TrialNotice)  # the command says it too
    find_own_packages(config)
    console = ConsoleTracker(bar=None if rank == 0 else False, title=None if rank == 0 else "")
    # The command meets the same error when it looks for what the parts have left.
    with limited_threads(config["threads"]), suppress(AlframeError):
        Work.of(config, device).fill(console.progress, (rank, n))


@dataclass(frozen=True, kw_only=True, eq=False)
class Work:
    """The images that a config wants encoded.

    Attributes:
        index: int64, the samples that take part. device: of the encoder. runtime: what runs it.
        embeddings_dir: folder of all stores. shard: the part of the images to encode.
    """

    dataset: ImageDataset
    index: Tensor
    encoder: Encoder
    device: torch.device
    runtime: str
    embeddings_dir: Path
    shard: Shard

    @classmethod
    def of(cls, config: Config, device: torch.device | None = None) -> Self:
        """Return the work that a config describes.

        Args:
            device: of a process; None takes that of the config.

        Raises:
            UserError: the encoder or the data set is not available.
        """
        settings = read_settings(config)
        node = _encoder_node(config)
        encoder = make_encoder(node, settings)
        if isinstance(encoder, GivenVectors):
            raise ConfigError(
                "encoder",
                "an encoder that turns images into vectors",
                "vectors",
                "These vectors are given and need no encoding: give alframe the same keys, which reads them.",
            )
        dataset = load_data(settings)
        number, n = map(int, (config["shard"] or "0/1").split("/"))
        return cls(
            dataset=dataset,
            index=members(settings, dataset).nonzero().flatten(),
            encoder=encoder,
            device=device or Compute.choose(settings.device, "float32").device,
            runtime=node["runtime"],
            embeddings_dir=Path(config["embeddings_dir"]).expanduser(),
            shard=(number, n),
        )

    def store(self) -> Store:
        """Return the encoder's store as it is now."""
        return Store(store_folder(self.embeddings_dir, self.encoder), self.encoder.n_features)

    def fill(self, progress: Progress, part: Shard = (0, 1)) -> list[Filled]:
        """Encode what is missing of the images and of the test images; of these a part of the shard."""
        shard = self.shard[0] + self.shard[1] * part[0], self.shard[1] * part[1]
        every: list[tuple[Images, Tensor]] = [(self.dataset.images_N, self.index)]
        test_T = self.dataset.test_images_T
        if test_T is not None:
            every.append((test_T, torch.arange(len(test_T))))
        return [
            fill(
                images_N,
                self.encoder,
                folder=self.embeddings_dir,
                index=index,
                device=self.device,
                runtime=self.runtime,
                progress=progress,
                shard=None if shard == (0, 1) else shard,
            )
            for images_N, index in every
        ]

    def report(self, filled: list[Filled], n_new: int, seconds: float) -> Iterator[str]:
        """Yield lines that say what was done.

        Raises:
            UnreadableImages: no image can be read.
        """
        n = sum(len(each.row_Q) for each in filled)
        n_left_out = sum(int((each.row_Q < 0).sum()) for each in filled)
        reasons = {path: reason for each in filled for path, reason in each.reasons.items()}
        if reasons and n_left_out == n:
            raise UnreadableImages(reasons, len(reasons))
        if reasons:
            print_error(f"alframe-embed: {unreadable_line(reasons, n)}")
        rate = f" in {duration(seconds)} ({n_new / seconds:.1f} a second)" if n_new else ""
        left_out = f", {n_left_out:,} left out" if n_left_out else ""
        yield (
            f"{counted(n, 'image')} of {self.dataset.name} by {self.encoder.name}: {n_new:,} encoded{rate}, "
            f"{n - n_new - n_left_out:,} were there or are copies{left_out}"
        )
        yield f"{self.encoder.n_features:,} features of each in {shown(filled[0].store.folder)}"

    def export(self, filled: Filled, file: Path) -> str:
        """Write a copy of the vectors and return a line that says so."""
        there = filled.row_Q >= 0
        row_N = torch.full((len(self.dataset),), -1)
        row_N[self.index] = filled.row_Q
        files_N, index_Q = self.dataset.files_N, self.index[there]
        export(
            filled.store.vectors(row_N),
            index_Q,
            file,
            lambda index: files_N[index] if files_N else str(index),
        )
        return f"{file}: {len(index_Q):,} vectors; {file.with_suffix('.txt').name} names the image of each"


def _target(config: Config) -> Path | None:
    """Return the file of a copy, or None.

    Raises:
        ConfigError: it is no such file, or only a part of the images is encoded.
    """
    out = config["out"]
    if out is None:
        return None
    if config["shard"] is not None:
        raise ConfigError("out", "null, since shard encodes only a part of the images", out)
    return check_target(out)


def _encoder_node(config: Config) -> Config:
    """Return the settings of the encoder; of encoder=auto those of the one for photographs.

    Raises:
        ConfigError: there is none.
    """
    node = config["encoder"]
    found: Config = node.get("photographs", node)
    if found["_target_"] is None:
        raise ConfigError(
            "encoder", "an encoder", "none", "Write encoder=efficientnet_lite0, or another one."
        )
    return found
