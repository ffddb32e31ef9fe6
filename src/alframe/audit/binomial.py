"""The exact interval of a share of independent draws. Imports no torch."""


def exact_interval(wrong: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Return the exact two-sided interval of a share.

    Args:
        wrong: in [0, n]. n: draws; without any, the interval is all of [0, 1].
        level: in (0, 1), the probability with which it holds.

    Source: Clopper and Pearson, The use of confidence or fiducial limits, Biometrika 1934.

    >>> low, high = exact_interval(0, 10)
    >>> low, round(high, 4)  # 1 - 0.025 ** (1 / 10)
    (0.0, 0.3085)
    """
    from scipy.special import betaincinv  # type: ignore[import-untyped]

    tail = (1 - level) / 2
    low = float(betaincinv(wrong, n - wrong + 1, tail)) if wrong else 0.0
    high = float(betaincinv(wrong + 1, n - wrong, 1 - tail)) if wrong < n else 1.0
    return low, high
