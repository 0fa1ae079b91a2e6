"""Areas and their kept series."""
