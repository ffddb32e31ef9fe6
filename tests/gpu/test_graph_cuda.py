"""The graph engine compared with the reference engine on a GPU; skipped without one."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from alframe.core.errors import EngineWarning
from alframe.data import ImageBank, MappedBank, map_images
from alframe.learner import Classifier, ReferenceEngine
from alframe.learner.compute.device import Compute
from alframe.learner.engines.capture import cuda_graph
from alframe.learner.engines.graph import GraphEngine
from alframe.learner.engines.graph_forward import ReplayedForward
from alframe.learner.recipes.augment_photographs import COLOURS, CropAndFlip, StrongAlterations
from alframe.learner.scoring.pool import score_pool
from tests.support.graph_cases import (
    STRONG,
    Dense,
    Smooth,
    assert_same,
    consistency,
    finetuned,
    normed,
    photographs,
    plain_job,
    run_rounds,
    supervised,
)
from tests.support.helpers import SHORT, alframe

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]

CASES = {
    "epochs, the last batch padded and masked": (supervised, Dense, (70, 83, 120)),
    "dropout, batches that divide the labels": (supervised, partial(Dense, 0.3), (70, 80, 120)),
    "batch norm, the last batch cut": (supervised, normed, (70, 83, 120)),
    "consistency, one cycle, averaged network": (consistency, normed, (70, 83, 120)),
    "photographs, cosine, curriculum": (photographs, partial(Smooth, 3), (70, 83, 120)),
    "photographs, one threshold": (partial(photographs, curriculum=False), partial(Smooth, 3), (70, 83)),
    "the last block of an encoder": (partial(photographs, inputs="unit"), finetuned, (70, 83)),
}


@pytest.fixture
def cuda() -> Compute:
    return Compute(device=torch.device("cuda", 0), precision="float32")


@pytest.mark.parametrize(("recipe", "network", "sizes"), CASES.values(), ids=CASES)
def test_losses_and_weights_agree_with_the_reference_step_by_step(cuda, recipe, network, sizes):
    engine = GraphEngine(cuda)
    expected = run_rounds(ReferenceEngine(cuda), recipe(), network, cuda, sizes)
    got = run_rounds(engine, recipe(), network, cuda, sizes)
    assert engine.name == "graph"  # no fall back
    assert_same(expected, got, tolerance=2e-3)


@pytest.mark.parametrize(
    ("recipe", "network"),
    [(supervised, normed), (consistency, normed), (photographs, partial(Smooth, 3))],
    ids=["supervised", "consistency", "photographs"],
)
def test_replays_are_the_same_each_time(cuda, recipe, network):
    first, second = (run_rounds(GraphEngine(cuda), recipe(), network, cuda) for _ in range(2))
    assert_same(first, second, tolerance=0)


def test_photographs_are_altered_alike_on_both_devices_and_anew_at_each_replay(cuda):
    images = torch.randint(0, 256, (6, 3, 12, 12), dtype=torch.uint8, device="cuda")
    amount_B = torch.linspace(-0.5, 0.5, 6)
    for alter in COLOURS.values():
        alike = alter(images.cpu() / 255, amount_B)
        torch.testing.assert_close(alter(images / 255, amount_B.cuda()).cpu(), alike, atol=1e-5, rtol=0)
    generators = [torch.Generator("cuda").manual_seed(seed) for seed in (1, 2)]
    weak = CropAndFlip(shift=0.25, flip=0.5, generator=generators[0])
    strong = StrongAlterations(**STRONG, generator=generators[1])
    out = torch.zeros(6, 3, 12, 12, device="cuda")
    work = lambda: out.copy_(strong(weak(images)))  # noqa: E731
    work()
    replay = cuda_graph(work, generators, torch.device("cuda", 0))
    drawn = []
    for _ in range(3):
        replay()
        drawn.append(out.clone())
    assert len(torch.stack(drawn).flatten(1).unique(dim=0)) == 3


def test_dropout_draws_again_at_each_replay(cuda):
    results = run_rounds(GraphEngine(cuda), supervised(max_epochs=2), partial(Dense, 0.5), cuda, (80, 80))
    losses = torch.cat([result.loss_S for result, _ in results])
    assert len(losses.unique()) == len(losses)


def test_a_registered_generator_is_counted_on_and_can_be_set_between_replays():
    generator = torch.Generator("cuda").manual_seed(1)
    out = torch.zeros(4, device="cuda")
    work = lambda: out.copy_(torch.rand(4, generator=generator, device="cuda"))  # noqa: E731
    work()
    replay = cuda_graph(work, [generator], torch.device("cuda", 0))
    generator.manual_seed(7)
    drawn = []
    for _ in range(3):
        replay()
        drawn.append(out.clone())
    generator.manual_seed(7)
    for expected in drawn:
        assert torch.equal(torch.rand(4, generator=generator, device="cuda"), expected)


class ToFloat(nn.Module):
    def forward(self, image_B):
        return image_B.float() / 255


class EpochSchedule(Classifier):
    def configure_optimizers(self):
        optimizer = torch.optim.AdamW(self.network.parameters(), lr=0.01, fused=True)
        return [optimizer], [torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)]


class LooksAtItsLoss(Classifier):
    def training_step(self, batch, batch_idx):
        loss = super().training_step(batch, batch_idx)
        return loss * 2 if loss.item() > 100 else loss


def test_a_capture_that_fails_falls_back_to_the_same_result(cuda):
    with pytest.warns(EngineWarning, match="could not be captured"):
        result = GraphEngine(cuda).fit(plain_job(LooksAtItsLoss, device="cuda"), lambda *_: None)
    expected = ReferenceEngine(cuda).fit(plain_job(device="cuda"), lambda *_: None)
    torch.testing.assert_close(result.loss_S, expected.loss_S, rtol=1e-4, atol=1e-5)


def test_dropout_still_draws_after_a_capture_that_failed(cuda):
    with pytest.warns(EngineWarning, match="could not be captured"):
        GraphEngine(cuda).fit(plain_job(LooksAtItsLoss, device="cuda"), lambda *_: None)
    assert torch.cuda.current_stream() == torch.cuda.default_stream()
    drawn = [torch.nn.functional.dropout(torch.ones(1000, device="cuda")).sum().item() for _ in range(5)]
    assert len(set(drawn)) > 1


def test_a_schedule_of_epochs_is_followed(cuda):
    expected = ReferenceEngine(cuda).fit(plain_job(EpochSchedule, device="cuda", steps=20), lambda *_: None)
    got = GraphEngine(cuda).fit(plain_job(EpochSchedule, device="cuda", steps=20), lambda *_: None)
    torch.testing.assert_close(got.loss_S, expected.loss_S, rtol=1e-3, atol=1e-4)


def test_a_pool_in_a_file_is_scored_on_cuda(cuda, tmp_path):
    generator = np.random.default_rng(0)
    np.save(tmp_path / "images.npy", generator.integers(0, 256, (3000, 12, 12), dtype=np.uint8))
    stored = np.load(tmp_path / "images.npy", mmap_mode="r")
    mapped = MappedBank(map_images("toy", "images", stored), cuda.device)
    held = ImageBank(torch.from_numpy(np.array(stored))[:, None].cuda())
    network, pool = normed().cuda().eval(), torch.arange(3000)
    a, b = (
        score_pool([network], ToFloat(), bank, pool, compute=cuda, batch_size=256) for bank in (mapped, held)
    )
    torch.testing.assert_close(a.log_odds_P, b.log_odds_P)


def test_replayed_scores_are_the_eager_ones(cuda):
    generator = torch.Generator().manual_seed(0)
    bank = ImageBank(torch.randint(0, 256, (1000, 1, 12, 12), dtype=torch.uint8, generator=generator).cuda())

    replayed = ReplayedForward(ToFloat(), cuda, cuda_graph)
    for _ in range(3):
        network = normed().cuda().eval()
        options = {"compute": cuda, "batch_size": 128}
        expected = score_pool([network], ToFloat(), bank, torch.arange(1000), **options)
        got = score_pool([network], ToFloat(), bank, torch.arange(1000), forward=replayed, **options)
        torch.testing.assert_close(got.log_odds_P, expected.log_odds_P, rtol=1e-3, atol=1e-3)


def test_scoring_continues_with_smaller_batches_when_memory_runs_out(cuda):
    bank = ImageBank(torch.randint(0, 256, (3000, 1, 28, 28), dtype=torch.uint8).cuda())

    class Hungry(nn.Module):
        def forward(self, x_B):
            if len(x_B) > 1000:
                torch.empty(2**50, dtype=torch.uint8, device="cuda")
            return x_B.flatten(1)[:, :3].float()

    with pytest.warns(EngineWarning, match="continuing with 750"):
        scores = score_pool(
            [Hungry()], nn.Identity(), bank, torch.arange(3000), compute=cuda, batch_size=1500
        )
    assert len(scores) == 3000


def test_a_whole_trial_by_graph(tmp_path: Path) -> None:
    for name in ("a", "b"):
        done = alframe(
            *SHORT, "device=cuda", "engine=graph", "tracker=none", f"hydra.run.dir={name}", cwd=tmp_path
        )
        assert done.returncode == 0, done.stderr
        assert "engine" not in done.stderr
    summary = json.loads((tmp_path / "a" / "summary.json").read_text())
    assert summary["engine"] == "graph"
    assert (tmp_path / "a" / "labels.csv").read_text() == (tmp_path / "b" / "labels.csv").read_text()
