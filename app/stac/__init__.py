"""The STAC catalogue: an index in PostGIS of the scenes that have landed, and how it is searched."""
