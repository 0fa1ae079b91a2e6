"""Regions refreshed in rotation, and what they cover."""
