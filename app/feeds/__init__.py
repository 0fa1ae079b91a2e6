"""Feeds: standing orders that keep what an archive has of a place up to date."""
