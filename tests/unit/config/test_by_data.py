"""Keys that are null get their values by the size of the pool and the channels of the images."""

import pytest

from alframe.config.by_data import chosen_by_data, with_choices
from alframe.config.validate import check
from alframe.core.errors import ConfigError
from alframe.trial.settings import read_settings
from tests.support.helpers import config_of


@pytest.mark.parametrize(
    ("n_samples", "steps", "pool_batch_size", "warm_start"),
    [(300, 150, 0, False), (2999, 150, 0, False), (3000, 300, 96, True), (60_000, 300, 96, True)],
)
def test_the_size_of_the_pool_decides_on_its_use(n_samples, steps, pool_batch_size, warm_start) -> None:
    config = config_of()
    config = with_choices(config, chosen_by_data(config, n_samples=n_samples, n_channels=1))
    learner = config["learner"]
    found = learner["steps"], learner["pool_batch_size"], learner["warm_start"]
    assert found == (steps, pool_batch_size, warm_start)
    assert read_settings(config).learner.images_per_step == 32 + pool_batch_size


def test_photographs_are_mirrored_and_writing_is_bent() -> None:
    grey = chosen_by_data(config_of(), n_samples=60_000, n_channels=1)
    colour = chosen_by_data(config_of(), n_samples=60_000, n_channels=3)
    assert (grey["learner.augment.flip"], grey["learner.augment.elastic"]) == (0, 0.0417)
    assert (colour["learner.augment.flip"], colour["learner.augment.elastic"]) == (0.5, 0)


def test_a_key_that_is_set_is_not_chosen() -> None:
    config = config_of("learner.steps=7", "learner.augment.flip=0.25")
    chosen = chosen_by_data(config, n_samples=300, n_channels=3)
    assert not {"learner.steps", "learner.augment.flip"} & set(chosen)
    filled = with_choices(config, chosen)["learner"]
    assert (filled["steps"], filled["augment"]["flip"], filled["augment"]["shift"]) == (7, 0.25, 0.125)
    assert config["learner"]["augment"]["shift"] is None


def test_a_learner_without_the_section_chooses_nothing() -> None:
    config = config_of("learner=supervised")
    assert chosen_by_data(config, n_samples=300, n_channels=1) == {}
    assert with_choices(config, {}) == config
    with pytest.raises(
        ConfigError, match=r"^learner\.warm_start: expected a value, got 'null'\. Only a learner"
    ):
        check(config_of("learner=supervised", "learner.warm_start=null"))
