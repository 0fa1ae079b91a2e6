"""Health and the pages."""
