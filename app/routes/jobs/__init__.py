"""Ingestions and composites, and the jobs that do them."""
