"""The kind "stac": collections of a STAC API, each by one description."""
