"""Loading: importing without a look for garbage, of which importing makes none."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """Let nothing look for garbage meanwhile; that takes a third of the time in which a server starts.

    Collection stays enabled by name: Dask notes on import whether it is, and puts that back later.
    """
    before = gc.get_threshold()
    gc.set_threshold(0)
    try:
        yield
    finally:
        gc.set_threshold(*before)
