"""What composites a collection's file allows: which collection holds them, and the bands they may have."""

from collections.abc import Mapping

from mosaics.descriptions.collections import CollectionDescription

COUNT = "count"
"""The band that tells how many observations a composite was made of."""


def composite_collections(
    collections: Mapping[str, CollectionDescription],
) -> dict[str, CollectionDescription]:
    """Return the collections that hold composites, by the id of the collection they are made of."""
    return {
        each.composition.of: each
        for each in collections.values()
        if each.composition is not None and each.composition.of in collections
    }


def compositable_bands(source: CollectionDescription, target: CollectionDescription) -> tuple[str, ...]:
    """Return the bands a composite may have: bands of numbers that both collections know.

    Args:
        source: Whose scenes are composited.
        target: That holds the composites.
    """
    numbers = {band.name for band in source.collection.bands if not band.categorical}
    return tuple(name for name in target.collection.band_names if name in numbers and name != COUNT)
