"""Products: what is computed from which bands, and how it looks; one .toml file each."""
