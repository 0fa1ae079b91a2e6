"""Jobs: what the application does by itself, in one process among all of them."""
