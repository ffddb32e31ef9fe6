import pytest
import torch

from alframe.core.errors import ConfigError
from alframe.learner.compute.device import Compute
from alframe.learner.engines.choose import choose_engine
from alframe.learner.engines.graph import GraphEngine
from alframe.learner.engines.reference import ReferenceEngine

CUDA = Compute(device=torch.device("cuda", 0), precision="bfloat16")


def test_on_a_processor_auto_is_the_reference(cpu):
    for name in ("auto", "reference"):
        choice = choose_engine(name, cpu)
        assert isinstance(choice.engine, ReferenceEngine)
        assert choice.reason is None


def test_the_graph_engine_without_cuda_is_an_error(cpu):
    with pytest.raises(ConfigError, match=r"auto or reference on cpu, got 'graph'.*device=cuda"):
        choose_engine("graph", cpu)


def test_on_cuda_auto_is_the_graph_unless_images_are_streamed():
    for name in ("auto", "graph"):
        choice = choose_engine(name, CUDA)
        assert isinstance(choice.engine, GraphEngine)
        assert choice.reason is None
    choice = choose_engine("auto", CUDA, streamed=True)
    assert isinstance(choice.engine, ReferenceEngine)
    assert "streamed from their file" in choice.reason
    assert "\n" not in choice.reason


def test_an_engine_that_does_not_exist_is_refused(cpu):
    with pytest.raises(ConfigError, match="auto, reference or graph, got 'warp'"):
        choose_engine("warp", cpu)
