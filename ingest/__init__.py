"""Ingestion: brings scenes into object storage, as COGs, STAC items and mosaics, and does nothing else."""
