"""The STAC catalogue: a searchable index in PostGIS of the scenes that have landed."""
