"""Collections, sources and products as a command uses them: a wrong file is told, and left out."""

from collections.abc import Iterable

import click

from app.models.results import with_models
from app.products.registry import SHIPPED, Registry
from app.settings import Settings
from mosaics.descriptions.collections import CollectionDescription, load_collections
from mosaics.descriptions.folders import Descriptions
from mosaics.descriptions.sources import SourceDescription
from mosaics.descriptions.toml_files import LeftOutFile, ReadFiles


def read_collections(settings: Settings) -> ReadFiles[CollectionDescription]:
    """Read the collections, and say on stderr which files are left out.

    Raises:
        CollectionFileError: If the folder that the settings name does not exist.
    """
    found = load_collections(settings.collections)
    say_left_out(found.left_out.values())
    return found


def read_sources(settings: Settings) -> ReadFiles[SourceDescription]:
    """Read the sources that fit their collections, and say on stderr which files are left out.

    Raises:
        CollectionFileError, SourceFileError: If a folder that the settings name does not exist.
    """
    found = Descriptions.read(settings.collections, settings.sources).sources
    say_left_out(found.left_out.values())
    return found


def read_products(settings: Settings) -> Registry:
    """Read the products, and say on stderr which files are left out.

    Raises:
        CollectionFileError, ProductFileError: If a folder that the settings name does not exist.
    """
    collections = load_collections(settings.collections)
    folders = [SHIPPED] if settings.products is None else [SHIPPED, settings.products]
    registry = with_models(Registry.load(folders, collections.left_out, collections), settings.models)
    say_left_out([*collections.left_out.values(), *registry.left_out.values()])
    return registry


def say_left_out(files: Iterable[LeftOutFile]) -> None:
    """Say on stderr which files are left out, and why."""
    for one in files:
        click.echo(f"{one.path} is left out: {one.reason}", err=True)
