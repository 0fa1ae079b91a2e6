"""Regions: boxes that are refreshed on a rotation, as a file describes them."""
