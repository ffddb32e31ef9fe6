"""Every random number of a trial is derived from (trial seed, round, purpose).

No stream continues from one round into the next. A trial that is resumed in round r therefore draws the same
numbers as an uninterrupted one, and a new consumer of random numbers does not change those of the others.
"""

import hashlib

import torch


def derive_seed(seed: int, round: int, purpose: str) -> int:
    """Return an int in [0, 2**63), the same on every machine and in every Python.

    Args:
        seed: the trial's seed, >= 0.
        round: the round, 0 for the seed set.
        purpose: the use of the numbers, such as "query"; different purposes are independent.

    >>> derive_seed(0, 1, "query") == derive_seed(0, 1, "query")
    True
    >>> derive_seed(0, 1, "query") == derive_seed(0, 1, "weights")
    False
    """
    digest = hashlib.blake2b(f"{seed}/{round}/{purpose}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def derive_generator(seed: int, round: int, purpose: str) -> torch.Generator:
    """Return a CPU `torch.Generator` seeded with `derive_seed`."""
    return torch.Generator().manual_seed(derive_seed(seed, round, purpose))
