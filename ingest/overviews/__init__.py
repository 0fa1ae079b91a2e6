"""Overviews: a mosaic's pixels at low zooms, made once of its scenes so that a tile opens few files."""
