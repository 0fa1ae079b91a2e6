"""The scan that the played repository has, and the source that finds it; its content is SYNTHETIC."""

from ingest.archives.archive import Granule, Wanted
from ingest.archives.harmony.jobs import Polling
from mosaics.bbox import Bbox
from mosaics.descriptions.sources import HarmonySource
from mosaics.period import Interval

COLLECTION = ("C3685897141-LARC_CLOUD", "TEMPO_HCHO_L3", "V04")
NAME, GRANULE = "TEMPO_HCHO_L3_V04_20250912T210435Z_S012.nc", "G3780000001-LARC_CLOUD"
VARIABLES = "product%2Fvertical_column,product%2Fmain_data_quality_flag"
BOX = Bbox(-86.78, 41.2, -84.64, 41.76)
SEPTEMBER = Interval.parse("2025-09/2025-09")
CONTENT = b"\x89HDF\r\n\x1a\n and so on"
QUICKLY = Polling(0.01, 0.02, 5)


def source_of(harmony):
    return HarmonySource(
        id="played",
        title="Played",
        collection="tempo-hcho",
        api=f"{harmony.server.url}/search",
        harmony=harmony.server.url,
        concept_id=COLLECTION[0],
        short_name=COLLECTION[1],
        version=COLLECTION[2],
        names="tempo",
        layers={"hcho": "product/vertical_column", "quality": "product/main_data_quality_flag"},
    )


async def found_in(archive):
    (granule,) = [each async for each in archive.search(Wanted(BOX, SEPTEMBER))]
    assert isinstance(granule, Granule)
    return granule
