"""Every random number of a trial comes from (trial seed, round, purpose).

No stream runs on from one round into the next, so a trial that is resumed in round r draws what the
uninterrupted trial would have drawn, and adding a consumer of randomness disturbs no other.
"""

import hashlib

import torch


def derive_seed(seed: int, round: int, purpose: str) -> int:
    """Return an int in [0, 2**63), the same on every machine and in every Python.

    Args:
        seed: the trial's seed, >= 0.
        round: the round, 0 for the seed set.
        purpose: what the numbers are for, such as "query"; different purposes are independent.

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
