"""The parts of `scripts/benchmarks/bench.py`: the clock, the contestants, the report."""
