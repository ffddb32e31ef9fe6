"""Memory of this process."""

import resource
import sys


def peak_mb() -> float:
    """Return the largest resident memory of this process so far, in MB of 2^20 bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
