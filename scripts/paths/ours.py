"""All names of the application's modules: what is imported of it, and what is left out of a count."""

from app.main import create_app
from app.settings import Settings
from ingest.collections import find_collection, load_collections
from ingest.landing import land_scene
from ingest.order import AssetSource, SceneOrder
from ingest.planning import plan_scene
from mosaics.storage import open_storage

__all__ = [
    "LEFT_OUT",
    "PACKAGES",
    "AssetSource",
    "SceneOrder",
    "Settings",
    "create_app",
    "find_collection",
    "land_scene",
    "load_collections",
    "open_storage",
    "plan_scene",
]

PACKAGES = ("app", "ingest", "mosaics", "colormaps", "migrations")

LEFT_OUT = {
    "middleware": (
        *("app.main", "app.http.middleware", "app.http.compression", "app.caching.tile_middleware"),
        "app.caching.answer_middleware",
        *("app.http.body_limits", "app.http.body_scan", "app.http.deadlines"),
    ),
    "log": (
        *("mosaics.log", "mosaics.log_listing", "mosaics.commits", "mosaics.checkpoints"),
        "mosaics.outline",
    ),
    "storage": ("mosaics.storage", "mosaics.hosts", "mosaics.lanes"),
    "blocks": (
        *("mosaics.raster.blocks", "mosaics.raster.coding", "mosaics.raster.pixel_maps"),
        *(
            "mosaics.raster.fetched",
            "mosaics.raster.fetching",
            "mosaics.raster.heads",
            "mosaics.raster.far_files",
        ),
        *("mosaics.raster.fetched_blocks", "mosaics.shared_cache"),
    ),
    "checks": (
        *("mosaics.raster.opening", "mosaics.raster.remote", "mosaics.raster.block_checks"),
        "mosaics.raster.under_grid",
        *("mosaics.raster.damage", "mosaics.seals", "mosaics.verifying"),
        *("mosaics.checksums", "ingest.integrity"),
    ),
}
"""Modules, with those below them, by the name of the set. Of `app.main` only the layers ask for the state."""
