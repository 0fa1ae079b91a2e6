"""Stored numbers of real scenes through collection, harmonisation and product, against published indices.

The medians of a Sentinel-2 scene of a baseline after 04.00 are those of rexionmars/TERRA#42; the indices were
worked out by hand from BOA_ADD_OFFSET (ESA) and the scale of Landsat Collection 2 Level-2 (USGS).
"""

from datetime import UTC, datetime

import numpy as np
import pytest

from app.products.registry import Registry
from ingest.encoding import decide_offset
from mosaics.descriptions.collections import load_collections

COLLECTIONS = load_collections()
SINCE_2022 = datetime(2025, 6, 1, tzinfo=UTC)


def sentinel_2(number: int, *, removed: bool) -> np.ndarray:
    """Reflectance of a number that still has the offset, where it was so decided or left as it is."""
    decided = decide_offset(baseline="05.11", sensed=SINCE_2022, low_dn=1100, removed=removed)
    scale = COLLECTIONS["sentinel-2-l2a"].collection.band("red").scale
    return np.array([number * scale + decided.offset], dtype=np.float32)


def landsat(number: int) -> np.ndarray:
    band = COLLECTIONS["landsat-c2-l2"].collection.band("nir08")
    return np.array([number * band.scale + band.offset], dtype=np.float32)


def value(product_id: str, **bands: np.ndarray) -> float:
    formula = Registry.load().get(product_id).formula
    assert formula is not None
    return float(formula.evaluate({name.replace("_", "."): plane for name, plane in bands.items()})[0])


@pytest.mark.parametrize(("removed", "ndvi", "nbr"), [(False, 0.5301, 0.2768), (True, 0.3204, 0.1842)])
def test_the_offset_of_sentinel_2(removed, ndvi, nbr):
    red, nir, nir08, swir22 = (sentinel_2(number, removed=removed) for number in (1718, 3338, 3539, 2438))
    assert value("ndvi", red=red, nir=nir) == pytest.approx(ndvi, abs=5e-5)
    # a burn ratio of 0 afterwards leaves the one before
    after = {"post_nir08": nir08, "post_swir22": nir08}
    assert value("dnbr", pre_nir08=nir08, pre_swir22=swir22, **after) == pytest.approx(nbr, abs=5e-5)


def test_the_scale_of_landsat():
    assert landsat(8500)[0] == pytest.approx(0.03375, abs=5e-6)
    assert landsat(18000)[0] == pytest.approx(0.295, abs=5e-6)
    assert value("ndvi-landsat", red=landsat(8500), nir08=landsat(18000)) == pytest.approx(0.7947, abs=5e-5)
    assert landsat(7273)[0] == pytest.approx(0.0, abs=5e-5)
    assert landsat(43636)[0] == pytest.approx(1.0, abs=5e-5)
