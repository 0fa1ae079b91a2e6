"""The views of a product: tiles, TileJSON, legends, times, points, statistics."""
