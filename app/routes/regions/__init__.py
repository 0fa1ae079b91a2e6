"""Regions refreshed on a rotation, and what they cover."""
