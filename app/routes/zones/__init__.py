"""Zones, and the map of them."""
