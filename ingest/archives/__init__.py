"""Archives: where scenes are searched and fetched from, each by one description of its STAC API."""
