"""What `scripts/bench.py` is made of: the clock, the contestants, the report."""
