"""Colour maps: one file each, and their loader."""
