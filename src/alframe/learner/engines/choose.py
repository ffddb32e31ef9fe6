"""Which engine runs a trial."""

from dataclasses import dataclass

from alframe.core.errors import ConfigError
from alframe.learner.compute.device import Compute
from alframe.learner.engines.graph import GraphEngine
from alframe.learner.engines.reference import ReferenceEngine
from alframe.learner.interfaces import Engine


@dataclass(frozen=True, kw_only=True)
class Choice:
    """An engine, and why `auto` did not take a faster one, in one line; None where there is no reason."""

    engine: Engine
    reason: str | None = None


def choose_engine(name: str, compute: Compute, *, streamed: bool = False) -> Choice:
    """Return the engine of that name; auto takes the fastest that applies here.

    Args:
        name: auto, reference or graph. compute: where and in what precision.
        streamed: whether the images stay in their file.

    Raises:
        ConfigError: an engine that does not exist, or not on this device.
    """
    on_cuda = compute.device.type == "cuda"
    if name == "reference":
        return Choice(engine=ReferenceEngine(compute))
    if name == "graph":
        if not on_cuda:
            raise ConfigError(
                "engine",
                f"an engine of {compute.device}, which has auto and reference",
                name,
                "It replays CUDA graphs: write device=cuda, or engine=auto.",
            )
        return Choice(engine=GraphEngine(compute))
    if name != "auto":
        raise ConfigError("engine", "auto, reference or graph", name)
    if on_cuda and not streamed:
        return Choice(engine=GraphEngine(compute))
    reason = "engine=graph needs the images in memory, and these are streamed from their file"
    return Choice(engine=ReferenceEngine(compute), reason=reason if on_cuda else None)
