"""Exposure: what a route meets along its way, counted by length and by time."""
