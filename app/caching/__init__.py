"""Tiles that were computed once: the door before routing, the process tier, Redis, and who computes."""
