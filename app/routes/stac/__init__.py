"""The STAC API, collections, and the files of items."""
