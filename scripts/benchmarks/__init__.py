"""Benchmarks of Tilewatch and others: `scripts/bench`."""
