"""Which scenes exist: storage, commit log, mosaics, and the index from a place to its scenes."""
