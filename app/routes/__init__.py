"""The handlers of the HTTP API, grouped by resource."""
