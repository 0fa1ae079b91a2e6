"""Memory: what the allocator keeps of the arrays of a rendering, for the next one."""

import ctypes

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""Parameters of glibc's mallopt(3)."""

KEPT_BYTES = 32 << 20
"""Freed memory a thread keeps at most: the arrays of half a million cells take some 25 MB."""

LARGE_BYTES = 16 << 20
"""Arrays from here on go back to the system at once."""


def keep_freed_memory() -> None:
    """Have threads keep some of what they free, where the allocator is glibc's.

    Else each array of a megabyte comes from the system again, a page fault for every 4 kB. Faults of threads
    stand in one another's way: without them, two threads take a sixth less CPU time for 491 km2.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(TRIM_THRESHOLD, KEPT_BYTES)
        mallopt(MMAP_THRESHOLD, LARGE_BYTES)
