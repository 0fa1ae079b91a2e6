"""How much of our own code one request runs through, counted by tracing it."""
