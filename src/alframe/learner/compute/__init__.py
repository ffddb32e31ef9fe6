"""Compute: device, precision and threads of a trial.

- `device.py`: device and precision; resolves `auto`.
- `autotune.py`: measures the faster precision and the fastest scoring batch on this machine.
- `threads.py`: number of threads, and a setting of the memory allocator.

These modules import `alframe.core` and small helpers, and nothing else of the learner.
"""
