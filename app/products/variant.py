"""A variant: a product's formula over another collection's bands, described in the product's file."""

import ast
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from app.products.classes import ClassRow
from app.products.grammar import parse
from app.products.mask import MaskRule
from app.products.product import Product

BandName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]


class UnknownRenameError(ValueError):
    """A variant renames a band its product does not read; the message lists those it reads."""


class Variant(BaseModel):
    """A product over another collection; everything else is as in the file it is described in."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    collection: str = Field(min_length=1)
    """The id of the collection whose bands it reads."""
    title: str | None = Field(default=None, min_length=1)
    """A short name for people; by default the file's."""
    description: str | None = None
    """What it shows and what it does not; by default the file's."""
    renames: Mapping[str, BandName] = Field(default={}, alias="bands")
    """New names of bands in this collection: the file's name = the collection's name."""
    classes: tuple[ClassRow, ...] = ()
    """Named ranges of values in place of the file's stretch; colours they lack are of the file's colormap."""
    mask: tuple[MaskRule, ...] | None = None
    """Rules that replace the file's; by default the file's rules with renamed bands."""

    def content(self, product: Product, of_file: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a product file of its own would contain.

        Args:
            product: The product of the file that describes the variant.
            of_file: The content of that file.

        Raises:
            UnknownRenameError: If a band is renamed that the product does not read.
        """
        self._check_renames(product)
        content = {**of_file, "collection": self.collection}
        content |= {
            key: value for key in ("title", "description") if (value := getattr(self, key)) is not None
        }
        if "expression" in content:
            content["expression"] = rename_bands(content["expression"], self.renames)
        if self.classes:
            content = {key: value for key, value in content.items() if key != "rescale"}
            content["classes"] = self.classes
        if "counted" in content:
            content["counted"] = [
                {**row, "where": rename_bands(row["where"], self.renames)} for row in content["counted"]
            ]
        for field in ("observations", "lights"):
            if field in content:
                content[field] = self.renames.get(content[field], content[field])
        if "bands" in content:
            content["bands"] = [self.renames.get(band, band) for band in content["bands"]]
        if self.mask is not None:
            content["mask"] = self.mask
        elif "mask" in content:
            content["mask"] = [self._renamed_rule(rule) for rule in content["mask"]]
        return content

    def _renamed_rule(self, rule: Mapping[str, Any]) -> dict[str, Any]:
        if "collection" in rule:  # a band of another collection, which keeps its name
            return dict(rule)
        return {**rule, "band": self.renames.get(rule["band"], rule["band"])}

    def _check_renames(self, product: Product) -> None:
        readable = product.bands + (product.mask_bands if self.mask is None else ())
        for band in self.renames:
            if band not in readable:
                raise UnknownRenameError(
                    f"{band!r} is not a band of the product; there are: {', '.join(dict.fromkeys(readable))}"
                )


def rename_bands(expression: str, names: Mapping[str, str]) -> str:
    """Return the expression with other names for its bands, in whatever role they occur.

    Raises:
        app.products.grammar.ExpressionError: If the text is not a valid expression.
    """
    return ast.unparse(_Renaming(names).visit(parse(expression)))


class _Renaming(ast.NodeTransformer):
    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(self.names.get(node.id, node.id))

    def visit_Attribute(self, node: ast.Attribute) -> ast.Attribute:
        return ast.Attribute(node.value, self.names.get(node.attr, node.attr))

    def visit_Call(self, node: ast.Call) -> ast.Call:
        return ast.Call(node.func, [self.visit(argument) for argument in node.args], [])
