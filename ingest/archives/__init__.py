"""Archives: where granules are searched and fetched; `archive` is the seam, each kind a package beside it."""
