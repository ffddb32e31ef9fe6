from types import SimpleNamespace

import pytest

from alframe.core.errors import TrialNotice
from alframe.trial.checks import warn_of_certificate
from tests.support.settings import certificate_spec


def test_a_certificate_that_cannot_be_proven_is_named_before_the_first_question(recwarn):
    warn_of_certificate(SimpleNamespace(certificate=None), 1000)
    warn_of_certificate(SimpleNamespace(certificate=certificate_spec(tolerance=0.05)), 1000)
    assert not recwarn.list
    hopeless = certificate_spec(tolerance=0.01, reach=True, oracle_error=0.01)
    with pytest.warns(TrialNotice, match=r"^certificate.tolerance: no number of answers can prove"):
        warn_of_certificate(SimpleNamespace(certificate=hopeless), 1000)
