"""Descriptions of collections and of sources: folders of .toml files, each file one thing."""
