"""Jobs: ingestions and composites that people order, each done by a process of its own."""
