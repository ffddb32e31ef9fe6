"""The cache of log-probabilities, scoring when memory runs out, and scoring by replay."""

import pytest
import torch
from torch import nn

from alframe.core.errors import EngineWarning
from alframe.data import ImageBank
from alframe.learner.engines.capture import run_aside
from alframe.learner.engines.graph_forward import ReplayedForward
from alframe.learner.scoring.batch_size import BatchSize
from alframe.learner.scoring.logit_cache import LogitCache
from alframe.learner.scoring.pool import EagerForward, score_pool
from tests.support.emulated_graph import EmulatedGraph

N = 100


class Counting(nn.Linear):
    """A linear classifier that counts the images it has seen and can run out of memory."""

    def __init__(self, seed, most=None, error=None):
        super().__init__(16, 3)
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            self.weight.copy_(torch.randn(3, 16, generator=generator))
            self.bias.zero_()
        self.seen, self.most = 0, most
        self.error = error or torch.OutOfMemoryError("CUDA out of memory")

    def forward(self, x_B):
        if self.most is not None and len(x_B) > self.most:
            raise self.error
        self.seen += len(x_B)
        return super().forward(x_B.flatten(1).float() / 64)


@pytest.fixture
def bank():
    images = torch.randint(
        0, 256, (N, 1, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    return ImageBank(images)


@pytest.fixture
def score(bank, cpu):
    def score(networks, index_P=None, batch_size=16, **options):
        index_P = torch.arange(N) if index_P is None else index_P
        options = {"compute": cpu, "needs": frozenset({"margin"})} | options
        return score_pool(networks, nn.Identity(), bank, index_P, batch_size=batch_size, **options)

    return score


def assert_equal(a, b):
    for name in ("index_P", "predicted_P", "log_odds_P", "margin_P"):
        assert torch.equal(getattr(a, name), getattr(b, name)), name


def assert_close(a, b):
    assert torch.equal(a.predicted_P, b.predicted_P)
    torch.testing.assert_close(a.log_odds_P, b.log_odds_P)
    torch.testing.assert_close(a.margin_P, b.margin_P)


def test_a_network_sees_each_image_once_however_often_it_scores(score):
    networks, cache = [Counting(0)], LogitCache()
    pools = [torch.arange(N), torch.arange(10, 90), torch.tensor([15, 80, 33])]
    for round, pool in enumerate(pools):
        if round:
            networks.append(Counting(round))
        scores = score(networks, pool, cache=cache)
        assert_close(scores, score([Counting(seed) for seed in range(round + 1)], pool))
    assert [network.seen for network in networks] == [100, 80, 3]


def test_an_image_that_an_earlier_network_has_not_seen_is_scored_by_all(score):
    networks, cache = [Counting(0), Counting(1)], LogitCache()
    score(networks, torch.arange(50), cache=cache)
    scores = score(networks, torch.arange(40, 60), cache=cache)
    assert_equal(scores, score([Counting(0), Counting(1)], torch.arange(40, 60)))


def test_beyond_the_limit_of_the_cache_all_networks_score_again(score):
    networks, cache = [Counting(0), Counting(1)], LogitCache(limit_bytes=4 * N * 3)  # one network's worth
    for _ in range(2):
        assert_equal(score(networks, cache=cache), score([Counting(0), Counting(1)]))
    assert [network.seen for network in networks] == [N, 2 * N]


def test_the_values_of_dropped_networks_are_dropped(score, bank):
    networks, cache = [Counting(0), Counting(1)], LogitCache()
    score(networks, cache=cache)
    cache.drop_others(networks[1:])
    assert not cache.holds(networks[0], bank, torch.arange(3))
    assert cache.holds(networks[1], bank, torch.arange(3))


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("no memory"), RuntimeError("DefaultCPUAllocator: can't allocate memory")]
)
def test_out_of_memory_halves_the_batch_and_continues(score, error):
    size = BatchSize(64)
    with pytest.warns(EngineWarning, match="continuing with") as caught:
        scores = score([Counting(0, most=20, error=error)], batch_size=size)
    assert [str(each.message).split("with ")[1][:2] for each in caught] == ["32", "16"]
    assert_equal(scores, score([Counting(0)]))
    assert size.n == 16  # for good


def test_out_of_memory_in_the_middle_scores_nothing_twice(score):
    class Shrinking(Counting):
        def forward(self, x_B):
            if self.seen >= 48:
                self.most = 8
            return super().forward(x_B)

    reported = []
    network = Shrinking(0)
    with pytest.warns(EngineWarning):
        scores = score([network], progress=lambda *args: reported.append(args))
    assert network.seen == N
    assert [done for _, done, _ in reported] == [16, 32, 48, *range(56, 101, 8), 100]
    # Smaller batches can give other last bits, which depends on the processor.
    torch.testing.assert_close(scores.log_odds_P, score([Counting(0)]).log_odds_P, rtol=1e-5, atol=1e-5)


def test_one_image_that_does_not_fit_is_an_error(score):
    with pytest.warns(EngineWarning), pytest.raises(torch.OutOfMemoryError):
        score([Counting(0, most=0)])


def test_other_errors_are_raised(score):
    with pytest.raises(RuntimeError, match="ours"):
        score([Counting(0, most=0, error=RuntimeError("ours"))])


@pytest.fixture
def plain():
    def plain(seed):
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Flatten(), nn.Linear(16, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3)
        ).eval()

    return plain


class ToFloat(nn.Module):
    def forward(self, image_B):
        return image_B.float() / 255


def test_replayed_scores_are_the_eager_ones_for_one_network_after_another(bank, cpu, plain):
    capture = EmulatedGraph()
    replayed = ReplayedForward(ToFloat(), cpu, capture)
    for seed in range(3):
        network = plain(seed)
        options = {"compute": cpu, "batch_size": 32}
        pool = torch.randperm(N)[: N - 7 * seed]
        expected = score_pool([network], ToFloat(), bank, pool, **options)
        got = score_pool([network], ToFloat(), bank, pool, forward=replayed, **options)
        torch.testing.assert_close(got.log_odds_P, expected.log_odds_P, rtol=1e-6, atol=1e-6)
        assert torch.equal(got.predicted_P, expected.predicted_P)
    assert capture.captures == 1


def test_scoring_that_cannot_be_captured_runs_eagerly_with_one_warning(bank, cpu, plain):
    def fails(work, generators, device):
        raise RuntimeError("not permitted")

    forward, network = ReplayedForward(ToFloat(), cpu, fails), plain(0)
    with pytest.warns(EngineWarning, match="scoring could not be captured: not permitted") as caught:
        twice = [list(forward([network], bank, torch.arange(N), 32)) for _ in range(2)]
    assert len(caught) == 1
    got = torch.cat([logits for (logits,) in twice[1]])
    eager = EagerForward(ToFloat(), cpu)
    with torch.no_grad():
        expected = torch.cat([logits for (logits,) in eager([network], bank, torch.arange(N), 32)])
        torch.testing.assert_close(got.detach(), expected)


def test_work_is_run_as_often_as_asked():
    done = []
    run_aside(lambda: done.append(1), 3, torch.device("cpu"))
    assert done == [1, 1, 1]
