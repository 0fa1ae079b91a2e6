"""Tiles computed once: the middleware before routing, the process tier, Redis, and who computes."""
