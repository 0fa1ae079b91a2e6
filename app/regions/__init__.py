"""Regions: boxes that are refreshed in rotation, as a file describes them."""
