"""The STAC API, collections, and item files."""
