"""`tilewatch collections`: what scenes can be landed in, and of what composites are made."""

import json
from collections.abc import Mapping
from typing import Any

import click

from app.cli.descriptions import read_collections
from app.cli.exit import refusing
from app.settings import Settings
from mosaics.descriptions.collections import CollectionDescription, CollectionFileError
from mosaics.descriptions.composites import compositable_bands


@click.group()
def collections() -> None:
    """List the collections that scenes can be landed in."""


@collections.command("list")
@click.option("--json", "as_json", is_flag=True, help="Say it as one JSON object, by id.")
def list_collections(*, as_json: bool) -> None:
    """Show collections and their bands."""
    with refusing(CollectionFileError):
        settings = Settings()
        found = read_collections(settings)
    if as_json:
        click.echo(json.dumps({name: facts(each, found) for name, each in found.items()}))
        return
    for source in found.values():
        described = source.collection
        click.echo(f"{described.id}  {described.title}; a mosaic each {described.cadence.value}")
        click.echo(f"    {', '.join(described.band_names)}")


def facts(source: CollectionDescription, found: Mapping[str, CollectionDescription]) -> dict[str, Any]:
    """Return what a program may want to know of a collection before it lands or composites scenes."""
    described, composition = source.collection, source.composition
    composites = None
    if composition is not None and composition.of in found:
        bands = compositable_bands(found[composition.of], source)
        composites = {"of": composition.of, "mask": composition.mask.band, "bands": bands}
    return {
        "title": described.title,
        "cadence": described.cadence.value,
        "bands": described.band_names,
        "composites": composites,
    }
