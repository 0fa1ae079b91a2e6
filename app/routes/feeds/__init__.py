"""Feeds, and how fresh what they bring is."""
