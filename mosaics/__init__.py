"""Which scenes exist: storage, log, mosaics, their index; and what app and ingest share of them."""

import mosaics.without_xarray  # noqa: F401 - before any other import of rio-tiler
