"""Settings that most tests leave off: prices, bounds of the standard rules, options of a certificate."""

from typing import Any

from alframe.audit.certificate import CertificateSpec
from alframe.core.loop_plan import Cost
from alframe.stopping import AnyOf, standard

FREE = Cost(hand_label=0.0, auto_label=0.0, hour=0.0)


def standard_rules(**bounds: Any) -> AnyOf:
    """Return the standard stopping rules with these bounds and no others."""
    off: dict[str, Any] = {
        "share": None,
        "min_rounds": 1,
        "max_rounds": None,
        "max_hand_labels": None,
        "learn_last": False,
        "max_cost": None,
        "max_untrusted_rounds": None,
    }
    return standard(**{**off, **bounds})


def certificate_spec(**settings: Any) -> CertificateSpec:
    """Return a certificate of 95 % confidence and a fixed number of questions, with these settings."""
    usual: dict[str, Any] = {
        "confidence": 0.95,
        "reach": False,
        "max_labels": None,
        "method": "auto",
        "oracle_error": None,
    }
    return CertificateSpec(**{**usual, **settings})
