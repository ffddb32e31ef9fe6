"""How many threads a trial computes with, and how memory is kept for them."""

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from alframe._machine import shared_cores


def keep_large_blocks() -> bool:
    """Tell glibc to keep large freed blocks, and return whether it could be told.

    By default each large activation is a fresh mapping, faulted in page by page: a measured factor of
    1.2 to 2 in training on a CPU. Only for glibc; elsewhere nothing happens.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        libc = ctypes.CDLL("libc.so.6")
        m_trim_threshold, m_mmap_threshold, limit = -1, -3, 2**30
        return bool(libc.mallopt(m_mmap_threshold, limit) and libc.mallopt(m_trim_threshold, limit))
    except (OSError, AttributeError):
        return False


_FIRST_THREADS = torch.get_num_threads()  # before any trial of this process has set its own


@contextmanager
def limited_threads(n_threads: int | None) -> Iterator[int]:
    """Compute with so many threads while the block runs, and yield how many.

    Args:
        n_threads: None takes OMP_NUM_THREADS, or else the cores that Slurm gave this job, or else those that
            no other trial of this machine uses.
    """
    if n_threads is None and "OMP_NUM_THREADS" in os.environ:
        n_threads = _FIRST_THREADS
    elif n_threads is None and os.environ.get("SLURM_CPUS_PER_TASK", "").isdigit():
        n_threads = int(os.environ["SLURM_CPUS_PER_TASK"])
    before = torch.get_num_threads()
    with shared_cores(n_threads) as n:
        torch.set_num_threads(n)
        try:
            yield n
        finally:
            torch.set_num_threads(before)
