import numpy as np
import pytest

from alframe.audit.hypergeometric import most_wrong
from simulate_optional_stopping import (
    ALPHA,
    SIZES,
    after_failures,
    first_that_passes,
    found_with_fresh_draws,
    found_with_same_draws,
    verdicts,
)

N_AUTO, TOLERATED, RUNS = 950, 20, 3000
MARGIN = 3 * (ALPHA * (1 - ALPHA) / RUNS) ** 0.5


def passing(draw, n_wrong):
    found_RS = draw(N_AUTO, n_wrong, SIZES, RUNS, np.random.default_rng(n_wrong))
    return verdicts(found_RS, N_AUTO, n_wrong, TOLERATED, SIZES)


def test_the_sizes_are_the_smallest_that_pass_with_a_number_of_wrong_labels():
    for found, size in enumerate(SIZES):
        assert most_wrong(N_AUTO, size, found, ALPHA) - found <= TOLERATED
        assert most_wrong(N_AUTO, size - 1, found, ALPHA) - found > TOLERATED


@pytest.mark.parametrize("draw", [found_with_same_draws, found_with_fresh_draws])
def test_the_first_size_that_passes_is_false_more_often_than_promised(draw):
    passes_RS, false_RS = passing(draw, n_wrong=26)
    assert first_that_passes(passes_RS, false_RS) > ALPHA + MARGIN
    assert false_RS.mean(axis=0).max() <= ALPHA + MARGIN  # each size alone keeps its promise


def test_with_draws_of_its_own_an_audit_keeps_its_promise_after_others_failed():
    for n_wrong in (21, 25, 29):
        assert after_failures(*passing(found_with_fresh_draws, n_wrong)) <= ALPHA + 1.3 * MARGIN
