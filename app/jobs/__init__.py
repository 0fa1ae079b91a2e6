"""Jobs: ingestions and composites that clients start, each run by a process of its own."""
