"""Routes of the API about routes on the ground: registered ways, and what they are exposed to."""
