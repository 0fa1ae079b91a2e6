"""Garbage is not looked for while commands import what they need, and is as before after it."""

import gc
import importlib

import pytest

from app.cli.loading import loading


@pytest.mark.parametrize("enabled", [True, False])
def test_it_is_afterwards_as_it_was_before(enabled: bool) -> None:
    if not enabled:
        gc.disable()
    try:
        with loading():
            assert not gc.isenabled()
        with pytest.raises(ModuleNotFoundError), loading():
            importlib.import_module("app.no_such_module")
        assert gc.isenabled() == enabled
    finally:
        gc.enable()
