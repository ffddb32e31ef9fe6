"""What `scripts/benchmarks/bench.py` is made of: the clock, the contestants, the report."""
