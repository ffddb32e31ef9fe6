"""Figures as people read them on the terminal."""


def counted(n: int, what: str) -> str:
    """Return a number of things.

    >>> counted(1, "round"), counted(1200, "trial")
    ('1 round', '1,200 trials')
    """
    return f"{n:,} {what}{'s' * (n != 1)}"


def percent(share: float | None) -> str:
    """Return a share in per cent as it stands in a column, a dash where it is not known.

    >>> percent(0.0213), percent(None)
    ('    2.13', '       -')
    """
    return "       -" if share is None else f"{100 * share:8.2f}"


def duration(seconds: float) -> str:
    """Return a time in the units that suit it.

    >>> duration(4.87), duration(75), duration(7325)
    ('4.9 s', '1 min 15 s', '2 h 02 min')
    """
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
