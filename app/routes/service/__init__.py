"""Health and pages."""
