"""Tilewatch measured beside others: `scripts/bench`."""
