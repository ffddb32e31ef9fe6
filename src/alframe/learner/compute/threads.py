"""The number of threads of a trial, and settings of the memory allocator."""

import ctypes
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

import torch

from alframe._machine import shared_cores

M_MMAP_THRESHOLD = -3  # of glibc's mallopt; -1 is M_TRIM_THRESHOLD
MANY_SAMPLES = 4_000_000


def keep_large_blocks() -> bool:
    """Set glibc to keep large freed blocks; return True if glibc accepted the setting.

    By default each large activation is a new mapping that is faulted in page by page. Keeping blocks makes
    training on a CPU 1.2 to 2 times as fast (measured). Without glibc this does nothing.
    """
    return _of_glibc(lambda libc: libc.mallopt(M_MMAP_THRESHOLD, 2**30) and libc.mallopt(-1, 2**30))


def give_back_arrays(n_samples: int) -> bool:
    """Set glibc to return arrays with a number for each sample to the system when they are freed.

    With `keep_large_blocks` alone, the gaps between arrays of 40 to 80 MB add up: the bookkeeping of ten
    million samples took 186 bytes a sample instead of 130. It does nothing for fewer than 4 million samples,
    whose arrays may be smaller than the activations of a network. Return True if glibc accepted it.
    """
    if n_samples < MANY_SAMPLES:
        return False
    return _of_glibc(lambda libc: libc.mallopt(M_MMAP_THRESHOLD, 4 * n_samples) and libc.malloc_trim(0) >= 0)


def _of_glibc(call: Callable[[ctypes.CDLL], object]) -> bool:
    if not sys.platform.startswith("linux"):
        return False
    try:
        return bool(call(ctypes.CDLL("libc.so.6")))
    except (OSError, AttributeError):
        return False


_FIRST_THREADS = torch.get_num_threads()  # before any trial of this process has set its own


_OF_PROCESS: list[int] = []  # threads of all trials of this process, in a block of `threads_of_process`


@contextmanager
def threads_of_process(n_threads: int | None) -> Iterator[int]:
    """Set the number of threads for all trials in the block, of which one computes at a time, and yield it.

    Args:
        n_threads: as for `limited_threads`.
    """
    with limited_threads(n_threads) as n:
        _OF_PROCESS.append(n)
        try:
            yield n
        finally:
            _OF_PROCESS.pop()


@contextmanager
def limited_threads(n_threads: int | None) -> Iterator[int]:
    """Set the number of threads inside the block, and yield it.

    Args:
        n_threads: None takes OMP_NUM_THREADS; if that is not set, the cores that Slurm gave this job; without
            Slurm, the cores that no other trial on this machine uses. In a block of `threads_of_process`,
            None takes the number of that block.
    """
    if _OF_PROCESS and n_threads is None:
        n_threads = _OF_PROCESS[-1]
    if n_threads is None and "OMP_NUM_THREADS" in os.environ:
        n_threads = _FIRST_THREADS
    elif n_threads is None and os.environ.get("SLURM_CPUS_PER_TASK", "").isdigit():
        n_threads = int(os.environ["SLURM_CPUS_PER_TASK"])
    before = torch.get_num_threads()
    in_use = nullcontext(n_threads) if _OF_PROCESS and n_threads else shared_cores(n_threads)
    with in_use as n:
        torch.set_num_threads(n)
        try:
            yield n
        finally:
            torch.set_num_threads(before)
