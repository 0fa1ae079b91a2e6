"""The questions of the corpus, kind by kind, in the order they are asked.

Those that write to the database come last, and say in which order ids are given.
"""

from scripts.corpora.questions import areas, bands, documents, pictures, scenes, service, tiles, values

ALL = (
    *tiles.ALL,
    *bands.ALL,
    *values.ALL,
    *pictures.ALL,
    *documents.ALL,
    *scenes.ALL,
    *areas.ALL,
    *service.ALL,
)
"""Functions that ask."""
