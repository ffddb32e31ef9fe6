"""What is known before an audit's first answer: whether it can prove the certificate, and the least cost."""

import math

from alframe.audit.betting import smallest_error_free_draws
from alframe.audit.certificate import CertificateSpec
from alframe.audit.hypergeometric import smallest_error_free_audit
from alframe.audit.sampling import TAIL_SHARE


def feasibility(n_auto: int, n_rated: int, spec: CertificateSpec, budget: int | None) -> str | None:
    """Return one line if even an audit without an error would fail or would ask nearly all, else None.

    Args:
        n_auto: auto-labels. n_rated: the samples of the data set without those set aside.
        spec: the statement to prove. budget: hand labels left in the trial, None for no limit.

    >>> spec = CertificateSpec(tolerance=0.005, confidence=0.95, reach=False, max_labels=200, method="auto",
    ...                        oracle_error=None)
    >>> print(feasibility(60_000, 60_000, spec, None))
    certificate.max_labels: 200 answers cannot prove that at most 0.5 % of 60,000 labels are wrong; \
593 is the smallest number that could.
    """
    no_room, errors = lack_of_room(n_rated, spec), spec.oracle_errors(n_rated)
    if errors > spec.most_left(n_rated):
        return no_room
    allowed, least = spec.allowance(budget), least_answers(n_auto, n_rated, spec)
    if allowed is None or allowed >= least:
        return no_room if n_auto else None
    by_plan = spec.max_labels is not None and allowed == spec.max_labels
    key = "certificate.max_labels" if by_plan else "stopping.max_hand_labels"
    about = "about " if spec.chosen_method == "weighted" else ""
    hidden = f" (certificate.oracle_error={spec.oracle_error:g} can hide {errors:,})" if errors else ""
    return (
        f"{key}: {allowed:,} answers cannot prove that at most {100 * spec.tolerance:g} % of {n_rated:,} "
        f"labels are wrong{hidden}; {about}{least:,} is the smallest number that could."
    )


def lack_of_room(n_rated: int, spec: CertificateSpec) -> str | None:
    """Return one line if the tolerance has no room for a wrong label besides the oracle's errors, else None.

    Args:
        n_rated: the samples of the data set without those set aside.
        spec: the statement to prove.

    >>> spec = CertificateSpec(tolerance=0.01, confidence=0.95, reach=True, max_labels=None, method="auto",
    ...                        oracle_error=0.01)
    >>> print(lack_of_room(60_000, spec))
    certificate.tolerance: no number of answers can prove that at most 1 % of 60,000 labels (600) are wrong, \
since certificate.oracle_error=0.01 can hide 692. Write a tolerance of 0.012 or more; with this one, the \
audit takes every answer as right.
    """
    most_left, errors = spec.most_left(n_rated), spec.oracle_errors(n_rated)
    if errors < most_left or n_rated == 0:
        return None
    claim = f"at most {100 * spec.tolerance:g} % of {n_rated:,} labels ({most_left:,}) are wrong"
    since = f", since certificate.oracle_error={spec.oracle_error:g} can hide {errors:,}" if errors else ""
    smallest = _rounded_up((errors + 1) / n_rated)
    way_out = f"a tolerance of {smallest:g} or more" if smallest < 1 else "a smaller certificate.oracle_error"
    if errors > most_left:
        return (
            f"certificate.tolerance: no number of answers can prove that {claim}{since}. Write {way_out}; "
            "with this one, the audit takes every answer as right."
        )
    return (
        f"certificate.tolerance: to prove that {claim}, at least about {100 * spec.confidence:g} % of the "
        f"auto-labels must be checked{since}. Write {way_out} for fewer questions."
    )


def _rounded_up(share: float) -> float:
    """Return a share rounded up to two significant digits.

    >>> _rounded_up(0.01151), _rounded_up(0.5)
    (0.012, 0.5)
    """
    unit = math.floor(math.log10(share)) - 1
    return round(math.ceil(share * 10.0**-unit - 1e-9) * 10.0**unit, -unit)


def least_answers(n_auto: int, n_rated: int, spec: CertificateSpec) -> int:
    """Return the smallest number of answers that can prove a certificate, if none finds a wrong label.

    Args:
        n_auto: auto-labels. n_rated: the samples of the data set without those set aside.
        spec: the statement to prove.
    """
    aim = spec.aim(n_rated)
    if spec.reach or spec.chosen_method == "weighted":
        base = 1.0 - TAIL_SHARE if spec.chosen_method == "weighted" else 1.0
        return smallest_error_free_draws(n_auto, aim, spec.alpha, base)
    return smallest_error_free_audit(n_auto, aim, spec.alpha)
