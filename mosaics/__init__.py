"""Which scenes exist: storage, log, mosaics, their index; and what app and ingest share of them."""
