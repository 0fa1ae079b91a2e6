"""The kinds of archives that the contract runs over, each played by servers on this machine."""

from tests.ingest.archives.kinds.case import ArchiveCase
from tests.ingest.archives.kinds.cmr import CmrCase
from tests.ingest.archives.kinds.harmony import HarmonyCase
from tests.ingest.archives.kinds.made_to_order import MadeToOrderCase, PackedCase
from tests.ingest.archives.kinds.stac import StacCase

CASES: dict[str, type[ArchiveCase]] = {
    "cmr": CmrCase,
    "harmony": HarmonyCase,
    "stac": StacCase,
    "made-to-order": MadeToOrderCase,
    "made-to-order, packed": PackedCase,
}

__all__ = ["CASES", "ArchiveCase"]
