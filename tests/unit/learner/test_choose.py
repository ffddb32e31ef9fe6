import pytest
import torch

from alframe.device import Compute
from alframe.errors import ConfigError
from alframe.learner import choose
from alframe.learner.choose import choose_engine
from alframe.learner.graph import GraphEngine
from alframe.learner.reference import ReferenceEngine

CUDA = Compute(device=torch.device("cuda", 0), precision="bfloat16")


def test_on_a_processor_auto_is_the_reference(cpu):
    for name in ("auto", "reference"):
        choice = choose_engine(name, cpu)
        assert isinstance(choice.engine, ReferenceEngine)
        assert choice.reason is None


def test_the_graph_engine_needs_cuda_and_says_so(cpu):
    with pytest.raises(
        ConfigError, match=r"engine of cpu, which has auto and reference, got 'graph'.*device=cuda"
    ):
        choose_engine("graph", cpu)


def test_on_cuda_graph_is_by_request_and_auto_says_why(monkeypatch):
    assert isinstance(choose_engine("graph", CUDA).engine, GraphEngine)
    choice = choose_engine("auto", CUDA)
    assert isinstance(choice.engine, ReferenceEngine)
    assert "engine=graph" in choice.reason
    assert "\n" not in choice.reason
    monkeypatch.setattr(choose, "GRAPH_BY_DEFAULT", True)
    choice = choose_engine("auto", CUDA)
    assert isinstance(choice.engine, GraphEngine)
    assert choice.reason is None


def test_an_engine_that_does_not_exist_is_refused(cpu):
    with pytest.raises(ConfigError, match="auto, reference or graph, got 'warp'"):
        choose_engine("warp", cpu)
