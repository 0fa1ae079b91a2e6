"""Results of models: the collection that holds the classes found, and the product that shows them."""

from pathlib import Path
from typing import Any

from app.models.description import MISSING, ModelDescription, read_models
from app.products.product import Product
from app.products.registry import Registry
from mosaics.collection import Band, Collection

CLASS, PROBABILITY = "class", "probability"
"""Bands of the collection."""


def result_collection(model: ModelDescription, source: Collection) -> Collection:
    """Return the collection of what a model finds.

    Args:
        model: The model.
        source: The collection whose scenes it reads.
    """
    found = Band(
        name=CLASS,
        title=model.title,
        dtype="uint8",
        nodata=MISSING,
        categorical=True,
        gsd_m=model.pixel_m,
        values={code: row.name for code, row in enumerate(model.classes)},
        colors={code: row.color for code, row in enumerate(model.classes)},
    )
    share = Band(
        name=PROBABILITY,
        title="Share of the class",
        description="What the network gives the class, blended where patches overlap; not calibrated",
        dtype="uint8",
        scale=0.01,
        nodata=MISSING,
        gsd_m=model.pixel_m,
    )
    return Collection(
        id=model.results,
        title=model.title,
        description=_described(model),
        cadence=source.cadence,
        license="other",
        attribution=source.attribution,
        providers=source.providers,
        bands=(found, share),
        references=(*source.references, *model.references),
    )


def result_product(model: ModelDescription) -> Product:
    """Return the product of a model's classes, with one table for tiles, legend and areas."""
    content: dict[str, Any] = {
        "id": model.results,
        "title": model.title,
        "description": _described(model),
        "collection": model.results,
        "expression": CLASS,
        "values": {code: row.model_dump() for code, row in enumerate(model.classes)},
        "references": (*model.references, f"{model.source}, version {model.version}, {model.license}"),
    }
    return Product.model_validate(content)


def with_models(registry: Registry, folder: Path | None) -> Registry:
    """Return a registry with the products of the models in a folder; wrong files are left out.

    Raises:
        ModelFileError: If the folder does not exist.
    """
    if folder is None:
        return registry
    models = read_models(folder)
    return registry.joined(map(result_product, models.values()), models.left_out)


def bands_product(model: ModelDescription) -> Product:
    """Return the bands that a model reads, under its mask, as a product to resolve and read as tiles do."""
    bands = (*model.bands, *model.bands, *model.bands)[:3]
    content = {"id": model.results, "title": model.title, "collection": model.collection, "mask": model.mask}
    drawn = Product.model_validate({**content, "bands": bands, "rescale": (0.0, 1.0)})
    return drawn.with_bands(model.bands)


def _described(model: ModelDescription) -> str:
    told = (
        f"Classes that the network {model.id} {model.version} ({model.source}) finds in {model.collection}."
    )
    return f"{model.description} {told}".strip()
