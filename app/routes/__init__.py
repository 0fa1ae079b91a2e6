"""The handlers of the HTTP interface, grouped by resource."""
