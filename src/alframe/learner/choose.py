"""Which engine runs a trial."""

from dataclasses import dataclass

from alframe.device import Compute
from alframe.errors import ConfigError
from alframe.learner.engine import Engine
from alframe.learner.graph import GraphEngine
from alframe.learner.reference import ReferenceEngine

# False until the graph engine has been measured on a CUDA device: its logic is tested on an emulated graph.
GRAPH_BY_DEFAULT = False


@dataclass(frozen=True, kw_only=True)
class Choice:
    """An engine, and why `auto` did not take a faster one, in one line; None where there is no reason."""

    engine: Engine
    reason: str | None = None


def choose_engine(name: str, compute: Compute) -> Choice:
    """Return the engine of that name; auto takes the fastest that applies here.

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
    if on_cuda and GRAPH_BY_DEFAULT:
        return Choice(engine=GraphEngine(compute))
    reason = None
    if on_cuda:
        reason = "engine=graph replays CUDA graphs, but has not been measured on a GPU yet: it is by request"
    return Choice(engine=ReferenceEngine(compute), reason=reason)
