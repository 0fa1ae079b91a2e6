"""Tile caching: the middleware before routing, the process tier, Redis, and shared computations."""
