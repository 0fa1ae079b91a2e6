"""Products: what is computed from which bands, and how it is shown; one .toml file each."""
