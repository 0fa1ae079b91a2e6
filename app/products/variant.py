"""A variant: a product's formula over another collection's bands, described in the product's own file."""

import ast
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from app.products.grammar import parse
from app.products.mask import MaskRule
from app.products.product import Product

BandName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]


class UnknownRenameError(ValueError):
    """A variant renames a band that its product does not read; the message names those it reads."""


class Variant(BaseModel):
    """What a product is over another collection; all else is as in the file it stands in."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    collection: str = Field(min_length=1)
    """The id of the collection whose bands it reads."""
    title: str | None = Field(default=None, min_length=1)
    """A short name for people; left out, the file's."""
    description: str | None = None
    """What it shows and what it does not; left out, the file's."""
    renames: Mapping[str, BandName] = Field(default={}, alias="bands")
    """What a band of the file is called in this collection: the file's name = the collection's name."""
    mask: tuple[MaskRule, ...] | None = None
    """Rules in place of the file's; left out, the file's rules on the renamed bands."""

    def content(self, product: Product, of_file: Mapping[str, Any]) -> dict[str, Any]:
        """What a file of its own would say.

        Args:
            product: The product of the file the variant stands in.
            of_file: What that file says.

        Raises:
            UnknownRenameError: A band is renamed that the product does not read.
        """
        self._check_renames(product)
        content = {**of_file, "collection": self.collection}
        content |= {
            key: value for key in ("title", "description") if (value := getattr(self, key)) is not None
        }
        if "expression" in content:
            content["expression"] = rename_bands(content["expression"], self.renames)
        if "counted" in content:
            content["counted"] = [
                {**row, "where": rename_bands(row["where"], self.renames)} for row in content["counted"]
            ]
        if "bands" in content:
            content["bands"] = [self.renames.get(band, band) for band in content["bands"]]
        if self.mask is not None:
            content["mask"] = self.mask
        elif "mask" in content:
            content["mask"] = [self._renamed_rule(rule) for rule in content["mask"]]
        return content

    def _renamed_rule(self, rule: Mapping[str, Any]) -> dict[str, Any]:
        if "collection" in rule:  # a band of that collection, which stays what it is
            return dict(rule)
        return {**rule, "band": self.renames.get(rule["band"], rule["band"])}

    def _check_renames(self, product: Product) -> None:
        readable = product.bands + (product.mask_bands if self.mask is None else ())
        for band in self.renames:
            if band not in readable:
                raise UnknownRenameError(
                    f"there is no band {band!r} to rename; there are: {', '.join(dict.fromkeys(readable))}"
                )


def rename_bands(expression: str, names: Mapping[str, str]) -> str:
    """The expression with other names for its bands, whatever role they stand in.

    Raises:
        app.products.grammar.ExpressionError: It is no expression.
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
