"""What every seed set and oracle must do."""

import pytest
import torch

from alframe.errors import ConfigError
from alframe.initial import FirstSeedSet, RandomSeedSet
from alframe.oracle import SimulatedOracle
from alframe.rooms import Amount


@pytest.fixture(params=[FirstSeedSet, RandomSeedSet])
def kind(request: pytest.FixtureRequest) -> type:
    return request.param


def choose(kind: type, amount: Amount, index_N: torch.Tensor, seed: int = 0) -> list[int]:
    return kind(amount).select(index_N, torch.Generator().manual_seed(seed)).tolist()


def test_size_subset_and_no_repeats(kind: type) -> None:
    index_N = torch.arange(10, 60)
    for amount, n in ((Amount(num=7), 7), (Amount(share=0.1), 5), (Amount(num=99), 50)):
        chosen = choose(kind, amount, index_N)
        assert len(chosen) == len(set(chosen)) == n
        assert set(chosen) <= set(range(10, 60))
    assert choose(kind, Amount(num=7), index_N) == choose(kind, Amount(num=7), index_N)


def test_a_seed_set_of_nothing_is_refused(kind: type) -> None:
    with pytest.raises(ConfigError, match=r"initial.share: .* at least one of 50 samples"):
        choose(kind, Amount(share=0.001, key="initial"), torch.arange(50))


def test_first_is_file_order_and_random_is_not() -> None:
    index_N = torch.arange(50)
    assert choose(FirstSeedSet, Amount(num=5), index_N) == [0, 1, 2, 3, 4]
    assert choose(RandomSeedSet, Amount(num=5), index_N) != [0, 1, 2, 3, 4]
    assert choose(RandomSeedSet, Amount(num=5), index_N, 1) != choose(
        RandomSeedSet, Amount(num=5), index_N, 2
    )


def test_the_simulated_oracle_tells_the_truth_twice() -> None:
    oracle = SimulatedOracle(torch.tensor([3, 1, 2]))
    assert oracle.label(torch.tensor([2, 0])).tolist() == [2, 3]
    assert oracle.label(torch.tensor([2, 0])).tolist() == [2, 3]
    with pytest.raises(ConfigError, match="true labels"):
        SimulatedOracle(None)  # type: ignore[arg-type]
