"""Statistics of products over areas: exact pixel coverage, moments, quantiles, and their series."""
