"""Landing from a script: what describes a scene to land, under the names scripts have used since 0.1.

    from ingest.collections import find_collection, load_collections
    from ingest.order import AssetSource, SceneOrder

The definitions are in `ingest.landing_request`; `ingest.planning` and `ingest.landing` do the work.
"""

from ingest.landing_request import BandFile as AssetSource
from ingest.landing_request import LandingRequest as SceneOrder
from ingest.landing_request import parse_numbers, parse_time

__all__ = ["AssetSource", "SceneOrder", "parse_numbers", "parse_time"]
