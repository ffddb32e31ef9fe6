"""What every seed set and oracle must do; a new file in conf/ is covered by being there."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from alframe.config.validate import conf_directory
from alframe.core.errors import ConfigError
from alframe.core.loop_plan import Amount
from alframe.core.protocols import Oracle, SeedSet
from alframe.data import MappedImages
from alframe.oracle import SimulatedOracle
from alframe.query.seed_sets import FirstSeedSet, RandomSeedSet
from alframe.trial.assemble import instantiate
from tests.support.helpers import config_of

AMOUNT = ("share", "num", "default_share", "default_at_least")
N, N_CLASSES = 60, 3


def names(group: str) -> list[str]:
    return sorted(path.stem for path in (conf_directory() / group).glob("*.yaml"))


def images(kind: str = "noise") -> torch.Tensor:
    """Return 60 images: all different, all the same (one grey), or ten images six times each."""
    if kind == "constant":
        return torch.full((N, 1, 8, 8), 7, dtype=torch.uint8)
    generator = torch.Generator().manual_seed(3)
    noise = torch.randint(0, 256, (N, 1, 8, 8), generator=generator, dtype=torch.uint8)
    return noise[torch.arange(N) % 10] if kind == "repeated" else noise


def offered(**changes: Any) -> dict[str, Any]:
    """Return what build.py offers to a seed set and an oracle."""
    truth_N = torch.arange(N) % N_CLASSES
    return {"truth_N": truth_N, "n_classes": N_CLASSES, "images_N": images(), "seed": 4} | changes


def make(group: str, name: str, changes: dict[str, Any] | None = None, **given: Any) -> Any:
    node = config_of(f"{group}={name}")[group]
    kept = {str(key): value for key, value in node.items() if key not in AMOUNT}
    return instantiate(group, kept, [], offered=offered(**(changes or {})), **given)


@pytest.fixture(params=names("initial"))
def initial(request: pytest.FixtureRequest) -> str:
    return request.param


# The others ask people.
@pytest.fixture(params=[name for name in names("oracle") if name not in ("files", "page")])
def oracle_name(request: pytest.FixtureRequest) -> str:
    return request.param


def choose(name: str, amount: Amount, index_N: torch.Tensor, seed: int = 0, **changes: Any) -> torch.Tensor:
    seed_set: SeedSet = make("initial", name, changes, amount=amount)
    return seed_set.select(index_N, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("kind", ["noise", "repeated", "constant"])
@pytest.mark.parametrize(
    ("amount", "n"),
    [
        (Amount(num=1), 1),
        (Amount(num=7), 7),
        (Amount(share=0.1), 5),
        (Amount(num=50), 50),
        (Amount(num=99), 50),
    ],
)
def test_size_subset_and_no_repeats(initial: str, kind: str, amount: Amount, n: int) -> None:
    chosen = choose(initial, amount, torch.arange(10, 60), images_N=images(kind))
    assert chosen.dtype == torch.int64
    assert len(chosen) == len(chosen.unique()) == n
    assert set(chosen.tolist()) <= set(range(10, 60))


@given(st.sets(st.integers(0, N - 1), min_size=1), st.integers(1, 70), st.integers(0, 2**31))
@settings(max_examples=25, deadline=None)
def test_any_pool_any_number(index: set[int], n: int, seed: int) -> None:
    for name in names("initial"):
        chosen = choose(name, Amount(num=n), torch.tensor(sorted(index)), seed, images_N=images("repeated"))
        assert len(set(chosen.tolist()) & index) == len(chosen) == min(n, len(index))


def test_same_seed_same_choice(initial: str) -> None:
    index_N = torch.arange(N)
    assert torch.equal(choose(initial, Amount(num=9), index_N), choose(initial, Amount(num=9), index_N))


def test_an_empty_seed_set_is_refused(initial: str) -> None:
    with pytest.raises(ConfigError, match=r"initial.share: .* at least one of 50 samples"):
        choose(initial, Amount(share=0.001, key="initial"), torch.arange(50))


def test_the_global_random_states_are_not_changed(initial: str) -> None:
    before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    choose(initial, Amount(num=9), torch.arange(N))
    assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(np.random.get_state()[1], numpy_before)  # noqa: NPY002


def test_only_the_stratified_seed_set_looks_at_the_truth(initial: str) -> None:
    truth_N = torch.arange(N) % N_CLASSES
    shuffled_N = truth_N[torch.randperm(N, generator=torch.Generator().manual_seed(9))]
    before, after = (
        choose(initial, Amount(num=20), torch.arange(N), truth_N=truth) for truth in (truth_N, shuffled_N)
    )
    assert torch.equal(before, after) == (initial != "stratified")


def test_images_in_a_file_are_chosen_as_those_in_memory(initial: str, tmp_path: Path) -> None:
    stored = np.lib.format.open_memmap(tmp_path / "images.npy", "w+", np.uint8, (N, 8, 8))
    stored[:] = images()[:, 0].numpy()
    mapped = MappedImages(stored)
    in_memory, in_file = (
        choose(initial, Amount(num=9), torch.arange(N), images_N=where) for where in (images(), mapped)
    )
    assert torch.equal(in_memory, in_file)


def test_first_is_file_order_and_random_is_not() -> None:
    index_N = torch.arange(50)
    first, random = (kind(Amount(num=5)) for kind in (FirstSeedSet, RandomSeedSet))
    drawn = [random.select(index_N, torch.Generator().manual_seed(seed)).tolist() for seed in (0, 1, 2)]
    assert first.select(index_N, torch.Generator()).tolist() == [0, 1, 2, 3, 4]
    assert [0, 1, 2, 3, 4] not in drawn
    assert drawn[1] != drawn[2]


def test_an_oracle_answers_in_range_and_the_same_twice_in_any_order(oracle_name: str) -> None:
    oracle: Oracle = make("oracle", oracle_name)
    index_Q = torch.randperm(N, generator=torch.Generator().manual_seed(0))
    first = oracle.label(index_Q)
    assert first.dtype == torch.int64
    assert first.shape == (N,)
    assert 0 <= int(first.min()) <= int(first.max()) < N_CLASSES
    assert torch.equal(oracle.label(index_Q), first)
    assert torch.equal(oracle.label(index_Q.flip(0)).flip(0), first)
    one_by_one = torch.cat([make("oracle", oracle_name).label(index[None]) for index in index_Q])
    assert torch.equal(one_by_one, first)
    assert oracle.label(torch.empty(0, dtype=torch.int64)).shape == (0,)


def test_an_oracle_does_not_change_the_global_random_state(oracle_name: str) -> None:
    before = torch.get_rng_state()
    make("oracle", oracle_name).label(torch.arange(N))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("group", "name"), [("initial", "stratified"), ("oracle", "simulated"), ("oracle", "noisy")]
)
def test_a_component_that_needs_the_truth_refuses_data_without_it(group: str, name: str) -> None:
    given = {"amount": Amount(num=5)} if group == "initial" else {}
    with pytest.raises(
        ConfigError, match=f"^{group}: expected a data set with true labels for {group}={name}"
    ):
        make(group, name, {"truth_N": None}, **given)


def test_the_simulated_oracle_returns_the_truth() -> None:
    assert SimulatedOracle(torch.tensor([3, 1, 2])).label(torch.tensor([2, 0])).tolist() == [2, 3]
