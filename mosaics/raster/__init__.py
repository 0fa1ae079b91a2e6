"""Rasters: reading a band of a scene onto a grid of pixels, from files that stay open."""
