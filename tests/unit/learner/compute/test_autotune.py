from functools import partial

import pytest
import torch

from alframe.core.errors import ConfigError
from alframe.learner import FastCNN
from alframe.learner.compute import autotune as probe
from alframe.learner.compute import device as device_module
from alframe.learner.compute.autotune import (
    CONVERTED_IMAGES,
    Subject,
    choose_precision,
    choose_scoring_batch,
    choose_scoring_engine,
)
from alframe.learner.compute.device import Compute

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ALFRAME_CACHE_DIR", str(tmp_path))


@pytest.fixture
def subject():
    return Subject(
        network=partial(FastCNN, widths=[4], grid=2, dropout=0.0),
        config={"widths": [4]},
        image_shape=(1, 8, 8),
        n_classes=3,
        batch_size=6,
    )


@pytest.fixture
def timed(monkeypatch):
    """Replaces the clock: each run takes the seconds that the test sets; names of runs are recorded."""
    asked = []

    def set_seconds(**seconds):
        def interleaved(contestants):
            asked.append(sorted(contestants))
            for run in contestants.values():
                run()
            return {name: seconds.get(name, 9.0) for name in contestants}

        monkeypatch.setattr(probe, "_median_seconds", interleaved)
        return asked

    return set_seconds


@pytest.mark.parametrize(("float32", "bfloat16", "faster"), [(1.0, 2.0, "float32"), (2.0, 1.0, "bfloat16")])
def test_a_processor_that_multiplies_in_bfloat16_takes_the_faster(
    subject, timed, monkeypatch, float32, bfloat16, faster
):
    monkeypatch.setattr(device_module, "processor", lambda: ("one", frozenset({"avx512_bf16"})))
    asked = timed(float32=float32, bfloat16=bfloat16)
    for _ in range(3):
        assert choose_precision(CPU, "auto", subject).precision == faster
    assert asked == [["bfloat16", "float32"]]  # once for all three


def test_a_processor_that_does_not_is_not_asked(subject, timed, monkeypatch):
    monkeypatch.setattr(device_module, "processor", lambda: ("one", frozenset({"avx2"})))
    asked = timed()
    assert choose_precision(CPU, "auto", subject).precision == "float32"
    assert asked == []


@pytest.mark.parametrize("asked_for", ["float32", "bfloat16"])
def test_a_given_setting_is_used(subject, timed, asked_for):
    assert choose_precision(CPU, asked_for, subject).precision == asked_for
    assert timed() == []


def test_the_fastest_scoring_batch_is_taken_and_kept_per_precision(subject, timed):
    asked = timed(**{"256": 1.0})
    for precision in ("float32", "bfloat16", "float32"):
        assert choose_scoring_batch(Compute(device=CPU, precision=precision), None, subject, 10**6) == 256
    assert len(asked) == 2


def test_a_scoring_batch_that_is_given_is_taken(subject, timed):
    assert choose_scoring_batch(Compute(device=CPU, precision="float32"), 77, subject, 10**6) == 77
    assert (
        choose_scoring_batch(Compute(device=torch.device("cuda"), precision="float32"), None, subject, 10**6)
        == 4096
    )
    assert timed() == []


@pytest.mark.parametrize("kept", [{}, {"images": "many"}, {"images": -1}, {"precision": "float8"}])
def test_an_answer_that_makes_no_sense_is_asked_for_again(subject, timed, monkeypatch, kept):
    monkeypatch.setattr(probe, "recall", lambda key: kept)
    timed(**{"512": 1.0})
    assert choose_scoring_batch(Compute(device=CPU, precision="float32"), None, subject, 10**6) == 512


def test_another_network_thread_count_or_processor_is_another_question(subject, timed, monkeypatch):
    asked, compute = timed(), Compute(device=CPU, precision="float32")
    choose_scoring_batch(compute, None, subject, 10**6)
    monkeypatch.setattr(probe, "processor", lambda: ("another", frozenset()))
    choose_scoring_batch(compute, None, subject, 10**6)
    choose_scoring_batch(compute, None, Subject(**{**vars(subject), "config": {"widths": [5]}}), 10**6)
    assert len(asked) == 3


def test_the_real_clockwork_takes_turns_and_leaves_the_generator_alone(subject):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    assert (
        choose_scoring_batch(Compute(device=CPU, precision="float32"), None, subject, 10**6)
        in probe.SCORING_BATCHES
    )
    assert torch.equal(torch.get_rng_state(), before)
    turns = []
    seconds = probe._median_seconds({"a": lambda: turns.append("a"), "b": lambda: turns.append("b")})
    assert turns == ["a", "b"] * (probe.REPEATS + 1)
    assert set(seconds) == {"a", "b"}


def test_a_network_too_slow_to_measure_gets_the_default(subject, monkeypatch):
    monkeypatch.setattr(probe, "BUDGET_SECONDS", 0.0)
    compute = Compute(device=CPU, precision="float32")
    assert choose_scoring_batch(compute, None, subject, 10**6) == probe.DEFAULT_SCORING_BATCH["cpu"]


FLOAT32 = Compute(device=CPU, precision="float32")


@pytest.fixture
def onnx(monkeypatch):
    """ONNX Runtime as if it were installed: `converted` lists the inputs of conversions."""
    converted = []

    def convert(network, input_1):
        converted.append(tuple(input_1.shape))
        return network

    monkeypatch.setattr(probe, "OnnxNetwork", convert)
    monkeypatch.setattr(probe, "installed", lambda: True)
    monkeypatch.setattr(probe, "onnxruntime_version", lambda: "1.0")
    return converted


@pytest.mark.parametrize(("seconds", "faster"), [(0.4, "onnxruntime"), (0.95, "torch"), (2.0, "torch")])
def test_onnxruntime_scores_if_it_is_clearly_faster(subject, timed, onnx, seconds, faster):
    asked = timed(torch=1.0, onnxruntime=seconds)
    for _ in range(2):
        assert choose_scoring_engine(FLOAT32, "auto", subject, 16, CONVERTED_IMAGES) == faster
    assert (asked, onnx) == ([["onnxruntime", "torch"]], [(1, 1, 8, 8)])


def test_a_small_pool_bfloat16_and_a_missing_onnxruntime_leave_scoring_to_torch(
    subject, timed, onnx, monkeypatch
):
    timed(torch=1.0, onnxruntime=0.1)
    bfloat16 = Compute(device=CPU, precision="bfloat16")
    assert choose_scoring_engine(FLOAT32, "auto", subject, 16, CONVERTED_IMAGES - 1) == "torch"
    assert choose_scoring_engine(bfloat16, "auto", subject, 16, 10**6) == "torch"
    monkeypatch.setattr(probe, "installed", lambda: False)
    assert choose_scoring_engine(FLOAT32, "auto", subject, 16, 10**6) == "torch"
    assert onnx == []


def test_torch_scores_with_a_network_that_is_not_converted_until_a_version_converts_it(
    subject, timed, onnx, monkeypatch
):
    timed(torch=1.0, onnxruntime=0.1)

    def refuse(network, input_1):
        raise ValueError("no such operator")

    with monkeypatch.context() as before:
        before.setattr(probe, "OnnxNetwork", refuse)
        assert choose_scoring_engine(FLOAT32, "auto", subject, 16, 10**6) == "torch"
    assert choose_scoring_engine(FLOAT32, "auto", subject, 16, 10**6) == "onnxruntime"


def test_a_scoring_engine_that_is_given_is_taken_or_refused_with_the_way_out(subject, onnx, monkeypatch):
    assert choose_scoring_engine(FLOAT32, "onnxruntime", subject, 16, 10) == "onnxruntime"
    assert choose_scoring_engine(FLOAT32, "torch", subject, 16, 10**6) == "torch"
    bfloat16 = Compute(device=CPU, precision="bfloat16")
    with pytest.raises(ConfigError, match="precision=float32"):
        choose_scoring_engine(bfloat16, "onnxruntime", subject, 16, 10**6)
    monkeypatch.setattr(probe, "installed", lambda: False)
    with pytest.raises(ConfigError, match=r"pip install 'alframe\[onnx\]'"):
        choose_scoring_engine(FLOAT32, "onnxruntime", subject, 16, 10**6)
    assert onnx == []
