from types import SimpleNamespace

import pytest

from alframe.core.errors import ConfigError, TrialNotice
from alframe.learner.scoring.test_time_augmentation import Views
from alframe.trial.checks import check_views, warn_of_certificate, warn_of_permanent_errors
from tests.support.settings import certificate_spec


def test_a_certificate_that_cannot_be_proven_is_named_before_the_first_question(recwarn):
    warn_of_certificate(SimpleNamespace(certificate=None), 1000)
    warn_of_certificate(SimpleNamespace(certificate=certificate_spec(tolerance=0.05)), 1000)
    assert not recwarn.list
    hopeless = certificate_spec(tolerance=0.01, reach=True, oracle_error=0.01)
    with pytest.warns(TrialNotice, match=r"^certificate.tolerance: no number of answers can prove"):
        warn_of_certificate(SimpleNamespace(certificate=hopeless), 1000)


def permanent(threshold=0.99, *, keep="permanent", auto_labels="train"):
    return SimpleNamespace(
        auto_label={"threshold": threshold},
        learner=SimpleNamespace(recipe={"auto_labels": auto_labels}),
        plan=SimpleNamespace(keep=keep),
    )


def test_a_permanent_low_threshold_that_is_learned_from_is_warned_about(recwarn):
    for safe in (permanent(0.9999), permanent(keep="rejudge"), permanent(auto_labels="consistency")):
        warn_of_permanent_errors(safe)
    assert not recwarn.list
    with pytest.warns(TrialNotice, match=r"threshold=0.99 and .* Write auto_label.keep=rejudge, or"):
        warn_of_permanent_errors(permanent())


@pytest.mark.parametrize("key", ["learner.views.n", "learner.final.views.n"])
def test_views_need_a_recipe_that_alters_images(key: str) -> None:
    views = Views(n=4, share=0.1, strength=0.5)
    in_rounds, at_the_end = (views, None) if key == "learner.views.n" else (None, views)
    learner = SimpleNamespace(views=in_rounds, final=SimpleNamespace(views=at_the_end))
    check_views(learner, SimpleNamespace(alter=None))
    with pytest.raises(ConfigError, match=f"{key}: expected 1 with a recipe that alters no images, got 4"):
        check_views(learner, object())
