"""What every auto-label policy must do."""

import math

import pytest
import torch

from alframe.auto_label import ThresholdPolicy
from alframe.config import conf_directory
from alframe.errors import ConfigError
from alframe.records import Accepted, PoolScores
from alframe.rooms import AutoLabelPolicy
from alframe.targets import instantiate

NAMES = sorted(path.stem for path in (conf_directory() / "auto_label").glob("*.yaml") if path.stem != "none")


@pytest.fixture(params=NAMES)
def policy(request: pytest.FixtureRequest) -> AutoLabelPolicy:
    from omegaconf import OmegaConf

    node = OmegaConf.to_container(OmegaConf.load(conf_directory() / "auto_label" / f"{request.param}.yaml"))
    return instantiate("auto_label", {k: v for k, v in node.items() if k != "keep"}, [])


def scores(*odds: float) -> PoolScores:
    n = len(odds)
    return PoolScores(
        index_P=torch.arange(n, dtype=torch.int64) + 50,
        predicted_P=torch.arange(n, dtype=torch.int64) % 10,
        log_odds_P=torch.tensor(odds, dtype=torch.float32),
    )


def accept(policy: AutoLabelPolicy, pool: PoolScores) -> Accepted:
    return policy.accept(pool, None, torch.Generator().manual_seed(0))


@pytest.mark.parametrize("n", [0, 1, 30])
def test_accepts_a_subset_with_its_predictions(policy: AutoLabelPolicy, n: int) -> None:
    pool = scores(*torch.linspace(-2, 12, n).tolist())
    accepted = accept(policy, pool)
    position = accepted.index_A - 50
    assert len(accepted.index_A.unique()) == len(accepted.index_A) <= n
    assert torch.equal(accepted.label_A, pool.predicted_P[position])
    assert torch.equal(accepted.log_odds_A, pool.log_odds_P[position])


def test_same_seed_same_choice(policy: AutoLabelPolicy) -> None:
    pool = scores(*torch.randn(50, generator=torch.Generator().manual_seed(1)).mul(5).tolist())
    assert torch.equal(accept(policy, pool).index_A, accept(policy, pool).index_A)


def test_the_threshold_is_strict() -> None:
    # logit(0.5) is 0: a sample exactly there is not accepted, the next float32 above is.
    pool = scores(0.0, 1e-45, 0.1, -0.1)
    assert accept(ThresholdPolicy(0.5), pool).index_A.tolist() == [51, 52]


@pytest.mark.parametrize(
    ("threshold", "below", "above"), [(0.999999, 13.8155, 13.8156), (1 - 1e-9, 20.7232, 20.7234)]
)
def test_thresholds_near_one_mean_what_they_say(threshold: float, below: float, above: float) -> None:
    assert accept(ThresholdPolicy(threshold), scores(below, above)).index_A.tolist() == [51]


@pytest.mark.parametrize("threshold", [0, 1, -0.1, 95, math.nan, "0.9", True, None])
def test_a_threshold_that_is_no_probability_is_refused(threshold: object) -> None:
    with pytest.raises(ConfigError, match=r"auto_label.threshold: expected a probability strictly between"):
        ThresholdPolicy(threshold)  # type: ignore[arg-type]
