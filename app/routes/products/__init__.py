"""What a product shows: tiles, TileJSON, legends, times, points, statistics."""
