"""Parts that the trials of one process have in common: images, recipe and engine.

Trials that read the same images and train the same network in the same way use the same objects. So what an
engine has recorded for one trial serves the next, and trials that run in turns can be trained together.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch

from alframe.data import Bank, ImageBank
from alframe.learner.compute.device import Compute
from alframe.learner.compute.subject import Subject
from alframe.learner.engines.capture import as_it_is, cuda_graph
from alframe.learner.engines.packed import PackedEngine
from alframe.learner.engines.turns import Turns
from alframe.learner.interfaces import Engine
from alframe.trial.settings import TrialSettings

Banks = tuple[Bank, Bank | None]


@dataclass(frozen=True, kw_only=True, eq=False)
class Parts:
    """The parts of a trial that others may use too.

    Attributes:
        recipe: the training of a round. engine: runs it. banks: of the samples, and of the test set or None.
    """

    recipe: Any
    engine: Engine
    banks: Banks


@dataclass(eq=False)
class SharedParts:
    """The parts of the trials so far.

    Attributes:
        turns: runs the trials in turns, so that they are trained together; None if they do not.
    """

    turns: Turns | None = None
    _found: list[tuple[str, Parts]] = field(default_factory=list)

    def shared(self, key: str, parts: Parts, compute: Compute, *, packs: bool) -> Parts:
        """Return equal parts of an earlier trial, or else these.

        Args:
            key: what recipe and network depend on, except the images. packs: False trains the trial alone.
        """
        key = f"{key}, {parts.engine.name}, {compute}, {packs}"
        for known, earlier in self._found:
            if known == key and _alike(earlier.banks, parts.banks):
                return earlier
        if packs and self.turns is not None:
            capture = cuda_graph if compute.device.type == "cuda" else as_it_is
            engine = PackedEngine(compute, self.turns, parts.engine, capture)
            parts = Parts(recipe=parts.recipe, engine=engine, banks=parts.banks)
        if self.turns is None:
            self._found.clear()  # trials one after the other: only the newest parts are kept
        self._found.append((key, parts))
        return parts


_OF_SWEEPS = SharedParts()
_OPEN: list[SharedParts] = []  # of the block that runs, if one does


@contextmanager
def parts_in_common(turns: Turns) -> Iterator[None]:
    """Train all trials in the block together. The memory of their parts is freed at its end.

    Args:
        turns: runs the trials.
    """
    _OPEN.append(SharedParts(turns))
    try:
        yield
    finally:
        _OPEN.pop()


@contextmanager
def parts_of_sweeps() -> Iterator[None]:
    """Let the trial of a sweep in the block use the parts of the trial before it in this process.

    Their memory is freed when other parts are used, or when the process ends. In a block of `parts_in_common`
    it does nothing.
    """
    if _OPEN:
        yield
        return
    _OPEN.append(_OF_SWEEPS)
    try:
        yield
    finally:
        _OPEN.pop()


def in_common(settings: TrialSettings, subject: Subject, parts: Parts, compute: Compute) -> Parts:
    """Return the parts of a trial, or equal ones that an earlier trial has used.

    Parts are only shared if they are alframe's own, since others may keep a state, and if the images are in
    memory.
    """
    resident = all(isinstance(bank, ImageBank) for bank in parts.banks if bank is not None)
    if not _OPEN or not resident or not type(parts.recipe).__module__.startswith("alframe."):
        return parts
    nodes = [settings.learner.recipe, settings.learner.network, subject.image_shape, subject.n_classes]
    key = json.dumps(nodes, sort_keys=True, default=repr)
    return _OPEN[-1].shared(key, parts, compute, packs=settings.engine == "auto")


def _alike(some: Banks, others: Banks) -> bool:
    """Return True if two trials read the same images on the same device."""
    pairs = list(zip(some, others, strict=True))
    if any((one is None) != (other is None) for one, other in pairs):
        return False
    images = [
        (a.images_N, b.images_N) for a, b in pairs if isinstance(a, ImageBank) and isinstance(b, ImageBank)
    ]
    return all(a.device == b.device and a.shape == b.shape and torch.equal(a, b) for a, b in images)
