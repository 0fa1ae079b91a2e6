"""Which scenes exist: storage, log, mosaics, their index, and descriptions of collections and sources."""
