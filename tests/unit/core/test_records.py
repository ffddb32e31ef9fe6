import pytest
import torch

from alframe.core.records import PoolScores


def scores(index: list[int]) -> PoolScores:
    values = torch.tensor(index, dtype=torch.float32)
    index_P = torch.tensor(index, dtype=torch.int64)
    return PoolScores(index_P=index_P, predicted_P=index_P % 3, log_odds_P=values)


@pytest.mark.parametrize("pool", [[], [4], [2, 3, 5, 8, 13], [13, 2, 8, 3]])
@pytest.mark.parametrize("index", [[], [2], [13], [99, 3], [2, 3, 5, 8, 13], [0, 1, 2, 2]])
def test_without_removes_samples_from_every_field(pool: list[int], index: list[int]) -> None:
    left = scores(pool).without(torch.tensor(index, dtype=torch.int64))
    expected = [sample for sample in pool if sample not in index]
    assert left.index_P.tolist() == expected
    assert left.predicted_P.tolist() == [sample % 3 for sample in expected]
    assert left.log_odds_P.tolist() == expected
    assert left.margin_P is None
