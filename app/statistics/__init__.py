"""Statistics of products over areas: exact pixel coverage, moments, quantiles, and series of them."""
