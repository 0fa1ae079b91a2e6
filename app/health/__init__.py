"""Health: what a deployment depends on, looked at when somebody asks, and since when it is wrong."""
