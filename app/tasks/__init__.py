"""Tasks: what the clock starts, in the one process that leads among all workers and replicas."""
