"""The campaign of `scripts/campaign`: attacks and failures, acted out on servers of its own."""
