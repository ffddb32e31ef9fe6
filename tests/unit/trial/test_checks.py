from types import SimpleNamespace

import pytest

from alframe.core.errors import TrialNotice
from alframe.trial.checks import warn_of_certificate, warn_of_permanent_errors
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
