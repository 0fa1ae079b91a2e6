"""Memory: what the allocator keeps of the arrays of a rendering, for the next one."""

import ctypes

TRIM_THRESHOLD, MMAP_THRESHOLD, ARENA_MAX = -1, -3, -8
"""Parameters of glibc's mallopt(3)."""

KEPT_BYTES = 32 << 20
"""Freed memory a thread keeps at most: the arrays of half a million cells take some 25 MB."""

LARGE_BYTES = 16 << 20
"""Arrays from here on go back to the system at once."""


ARENAS_BESIDE = 2
"""Arenas for all threads that do not render."""


def keep_freed_memory(threads: int) -> None:
    """Have render threads keep some of what they free, where the allocator is glibc's.

    Each arena keeps what its threads have freed, and there would be eight a core for all the threads of a
    server, so that they are bounded.

    Else each array of a megabyte comes from the system again, a page fault for every 4 kB. Faults of threads
    stand in one another's way: without them, two threads take a sixth less CPU time for 491 km2.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(TRIM_THRESHOLD, KEPT_BYTES)
        mallopt(MMAP_THRESHOLD, LARGE_BYTES)
        mallopt(ARENA_MAX, threads + ARENAS_BESIDE)


def give_back_freed_memory() -> None:
    """Give the system back what has been freed and lies between what is in use, where that can be told."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
