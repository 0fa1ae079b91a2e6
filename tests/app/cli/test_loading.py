"""Garbage is not looked for while commands import what they need, and is as before after it."""

import gc
import importlib

import pytest

from app.cli.loading import loading


@pytest.mark.parametrize("threshold", [(700, 10, 10), (0, 10, 10), (5000, 20, 30)])
def test_it_is_afterwards_as_it_was_before(threshold: tuple[int, int, int]) -> None:
    before = gc.get_threshold()
    gc.set_threshold(*threshold)
    try:
        with loading():
            assert gc.get_threshold()[0] == 0
        with pytest.raises(ModuleNotFoundError), loading():
            importlib.import_module("app.no_such_module")
        assert gc.get_threshold() == threshold
    finally:
        gc.set_threshold(*before)


def test_what_is_imported_finds_collection_enabled() -> None:
    gc.enable()
    with loading():
        assert gc.isenabled()
