"""The application: answers requests for tiles, legends, times and points."""
