"""Fits that are trained together on a GPU; skipped without one."""

import json
from functools import partial
from pathlib import Path

import pytest
import torch

from alframe.learner import ReferenceEngine
from alframe.learner.compute.device import Compute
from alframe.learner.engines.capture import cuda_graph
from alframe.learner.engines.graph import GraphEngine
from alframe.learner.engines.own_draws import dropout_noise
from alframe.learner.engines.packed import PackedEngine
from alframe.learner.engines.turns import Turns
from tests.support.graph_cases import (
    Dense,
    Smooth,
    assert_same,
    consistency,
    make_bank,
    normed,
    photographs,
    run_rounds,
    supervised,
)
from tests.support.helpers import SHORT, alframe

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]

SIZES = [(70, 83), (40, 120), (64, 30)]
CASES = {
    "early stopping, the last batch padded": (supervised, Dense, SIZES),
    "dropout": (supervised, partial(Dense, 0.3), [(70, 80), (40, 120), (60, 90)]),
    "batch norm, the last batch cut": (supervised, normed, SIZES),
    "consistency": (consistency, normed, SIZES[:2]),
    "photographs": (photographs, partial(Smooth, 3), SIZES[:2]),
}


@pytest.fixture
def cuda() -> Compute:
    return Compute(device=torch.device("cuda", 0), precision="float32")


@pytest.mark.parametrize(("recipe", "network", "sizes"), CASES.values(), ids=CASES)
def test_fits_together_are_the_fits_alone_step_by_step(cuda, recipe, network, sizes):
    made, turns = recipe(), Turns(len(sizes))
    bank, engine = make_bank(made, cuda.device), PackedEngine(cuda, turns, GraphEngine(cuda), cuda_graph)
    found = turns.run(
        partial(run_rounds, engine, made, network, cuda, each, seed=seed, bank=bank)
        for seed, each in enumerate(sizes)
    )
    assert engine.name == "packed"
    for seed, (each, got) in enumerate(zip(sizes, found, strict=True)):
        expected = run_rounds(ReferenceEngine(cuda), made, network, cuda, each, seed=seed, bank=bank)
        assert_same(expected, got, tolerance=2e-3)


def test_a_replica_drops_the_units_that_it_drops_alone(cuda):
    generator = torch.Generator(cuda.device).manual_seed(5)
    noise = dropout_noise((8, 6, 5, 5), 0.3, torch.empty((), device=cuda.device), generator)
    ones = torch.ones(8, 6, 5, 5, device=cuda.device).contiguous(memory_format=torch.channels_last)
    with cuda.seeded(5):
        assert torch.equal(torch.nn.functional.dropout(ones, 0.3), noise)


def test_a_packed_sweep_on_cuda(tmp_path: Path) -> None:
    line = ["-m", *SHORT, "device=cuda", "tracker=none", "seed=1,2,3"]
    done = alframe(*line, "hydra/launcher=packed", "hydra.sweep.dir=packed", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "engine" not in done.stderr
    for name in "012":
        assert json.loads((tmp_path / "packed" / name / "summary.json").read_text())["engine"] == "packed"
