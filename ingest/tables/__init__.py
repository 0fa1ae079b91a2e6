"""Tables of scenes to land: CSV and GeoJSON files, STAC items in a file, and folders with a pattern."""
