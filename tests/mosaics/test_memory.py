"""The parts that caches have of the memory of a worker."""

from mosaics.memory import PARTS, MemoryBudget


def test_all_caches_together_take_what_is_given():
    budget = MemoryBudget(1_000_000)
    assert sum(PARTS.values()) == 1000
    assert sum(budget.limits.values()) == 1_000_000
    assert budget["tiles"] == 240_000
    assert budget.gdal_options() == {"GDAL_CACHEMAX": 160_000, "CPL_VSIL_CURL_CACHE_SIZE": 60_000}


def test_tiles_may_have_a_number_of_their_own():
    assert MemoryBudget(1_000_000, 0)["tiles"] == 0
