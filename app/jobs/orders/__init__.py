"""Orders: ingestions and composites that somebody asks for, each done by a process of its own."""
