"""What is run from a checkout: set-up, tests, checks, benchmarks."""
