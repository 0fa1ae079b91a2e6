"""Health: checks the parts a deployment depends on, on request, and notes since when one is failing."""
