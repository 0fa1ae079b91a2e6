"""`tilewatch products`: lists products, and checks the files that describe them."""

import click

from app.cli.descriptions import read_products, say_left_out
from app.cli.exit import CommandError, refusing
from app.products.product import ProductFileError
from app.settings import Settings
from mosaics.descriptions.collections import CollectionFileError
from mosaics.descriptions.folders import Descriptions
from mosaics.descriptions.sources import SourceFileError

REFUSALS = (CollectionFileError, ProductFileError, SourceFileError)


@click.group()
def products() -> None:
    """List products, and check the files of products, collections and sources."""


@products.command("list")
def list_products() -> None:
    """Show products and the collections they read."""
    with refusing(*REFUSALS):
        registry = read_products(Settings())
    for product in registry.all():
        click.echo(f"{product.id}  {product.title}; from {product.collection}")


@products.command()
def check() -> None:
    """Check all product, collection and source files, as a server reads them when it starts."""
    with refusing(*REFUSALS):
        settings = Settings()
        registry = read_products(settings)
        described = Descriptions.read(settings.collections, settings.sources)
    say_left_out(described.sources.left_out.values())
    wrong = len(registry.left_out) + len(described.left_out)
    click.echo(
        f"{len(registry.all())} products, {len(described.collections)} collections and "
        f"{len(described.sources)} sources are valid."
    )
    if wrong:
        raise CommandError(f"{wrong} {'is' if wrong == 1 else 'are'} left out; see above.")
