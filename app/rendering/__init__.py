"""The story of a tile: resolve its scenes, read their bands, mask, compute, paint, encode."""
