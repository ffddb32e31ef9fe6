"""The choice of the engine that runs a trial."""

from dataclasses import dataclass

from alframe.core.errors import ConfigError
from alframe.learner.compute.device import Compute
from alframe.learner.engines.graph import GraphEngine
from alframe.learner.engines.reference import ReferenceEngine
from alframe.learner.interfaces import Engine


@dataclass(frozen=True, kw_only=True)
class EngineChoice:
    """An engine, and one line on why `auto` did not take a faster one, or None."""

    engine: Engine
    reason: str | None = None


def choose_engine(name: str, compute: Compute, *, streamed: bool = False) -> EngineChoice:
    """Return the engine with a name; auto takes the fastest one that works here.

    Args:
        name: auto, reference or graph. compute: device and precision.
        streamed: True if the images stay in their file.

    Raises:
        ConfigError: the engine does not exist, or does not run on this device.
    """
    on_cuda = compute.device.type == "cuda"
    if name == "reference":
        return EngineChoice(engine=ReferenceEngine(compute))
    if name == "graph":
        if not on_cuda:
            raise ConfigError(
                "engine",
                f"auto or reference on {compute.device}",
                name,
                "It replays CUDA graphs. Write device=cuda, or engine=auto.",
            )
        return EngineChoice(engine=GraphEngine(compute))
    if name != "auto":
        raise ConfigError("engine", "auto, reference or graph", name)
    if on_cuda and not streamed:
        return EngineChoice(engine=GraphEngine(compute))
    reason = "engine=graph needs the images in memory, but they are streamed from their file"
    return EngineChoice(engine=ReferenceEngine(compute), reason=reason if on_cuda else None)
