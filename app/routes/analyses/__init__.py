"""Analyses of parcels and scenes."""
