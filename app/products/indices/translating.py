"""Translating: the formula of a published index becomes an expression over the bands of a collection."""

import ast
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from app.products.compiling import compile_expression
from app.products.grammar import ExpressionError
from app.products.indices.catalogue import IndexCatalogue, catalogue
from mosaics.collection import Band, Collection

COMMON_NAMES: Mapping[str, tuple[str, ...]] = {
    "N": ("nir", "nir08"),  # of Landsat the near infrared is nir08
    "RE1": ("rededge1", "rededge071"),
    "RE2": ("rededge2", "rededge075"),
    "RE3": ("rededge3", "rededge078"),
}
"""Names of bands to look for, in order, where the catalogue's own is not the one that collections use."""
NARROW_NIR = "N2"
"""A second band in the near infrared; only where a first one is there as well."""
WAVELENGTH = "lambda"
"""What names of constants begin with that are the wavelength of a band, in nm."""


class UntranslatableIndexError(ValueError):
    """An index that a collection cannot have; the message says what is missing, or what cannot be written."""


class Translated(NamedTuple):
    """An index as an expression."""

    expression: str
    bands: Mapping[str, str]
    """The collection's bands by the letters of the formula."""
    constants: Mapping[str, float]
    """The numbers that were put in, by name."""


def translate(name: str, collection: Collection) -> Translated:
    """Return an index as an expression over the bands of a collection.

    A power that is neither 2 nor 3 becomes `sqrt`, squares or ``exp(p * log(x))``: where x is not positive
    there is no value.

    Raises:
        UnknownIndexError: If the catalogue has no such index.
        UntranslatableIndexError: If the collection lacks a band or a constant has no value, or the formula
            exceeds what an expression may have.
    """
    known = catalogue()
    entry = known.index(name)
    letters = _letters_of(collection, known)
    symbols = _Symbols(name, collection, known, letters)
    bands = {symbol: symbols.band(symbol) for symbol in entry.symbols if symbol not in known.constants}
    constants = {symbol: symbols.constant(symbol) for symbol in entry.symbols if symbol in known.constants}
    tree = ast.parse(entry.formula, mode="eval").body
    written = ast.unparse(ast.fix_missing_locations(_Writing(bands, constants).visit(tree)))
    try:
        compile_expression(written)
    except ExpressionError as error:
        raise UntranslatableIndexError(f"index {name} cannot be written as an expression: {error}") from error
    return Translated(written, bands, constants)


def is_reflectance(band: Band) -> bool:
    """Return whether a band may be reflectance: a ratio, and not the plain whole numbers of a photograph."""
    is_count = (band.scale, band.offset) == (1.0, 0.0) and "int" in band.dtype
    return band.unit == "1" and not band.categorical and not is_count


def _letters_of(collection: Collection, known: IndexCatalogue) -> dict[str, Band]:
    """Return the bands that stand for letters: as the collection says, else by their common names."""
    usable = {band.name: band for band in collection.bands if is_reflectance(band)}
    found = {}
    for letter, meaning in known.letters.items():
        names: Iterable[str] = COMMON_NAMES.get(letter, (meaning.common_name,))
        if letter in collection.indices.bands:
            names = (collection.indices.bands[letter],)
        elif letter == NARROW_NIR and "nir" not in usable:
            continue
        band = next((usable[name] for name in names if name in usable), None)
        if band is not None:
            found[letter] = band
    return found


class _Symbols(NamedTuple):
    """What the symbols of a formula mean for a collection."""

    name: str
    collection: Collection
    known: IndexCatalogue
    letters: Mapping[str, Band]

    def band(self, letter: str) -> str:
        if letter in self.letters:
            return self.letters[letter].name
        meaning = self.known.letters.get(letter)
        if meaning is None:
            raise self._refused(f"needs {letter}, which is not the reflectance of one band")
        raise self._refused(
            f"needs {letter} ({meaning.title}), which collection {self.collection.id!r} does not have as a "
            "band of reflectance"
        )

    def constant(self, symbol: str) -> float:
        given = self.collection.indices.constants.get(symbol, self.known.constants[symbol].default)
        if given is not None:
            return given
        letter = symbol.removeprefix(WAVELENGTH)
        wavelength_um = self.letters[letter].wavelength_um if letter in self.letters else None
        if symbol != letter and wavelength_um is not None:
            return round(wavelength_um * 1000, 6)
        raise self._refused(
            f"needs the constant {symbol} ({self.known.constants[symbol].description}), which has no usual "
            "value; the file of the collection can give one in a table [indices.constants]"
        )

    def _refused(self, why: str) -> UntranslatableIndexError:
        return UntranslatableIndexError(f"index {self.name} {why}")


class _Writing(ast.NodeTransformer):
    """Puts bands and numbers in place of symbols, and writes powers as the language has them."""

    def __init__(self, bands: Mapping[str, str], constants: Mapping[str, float]) -> None:
        self.bands = bands
        self.constants = constants

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id in self.bands:
            return ast.Name(self.bands[node.id])
        value = self.constants[node.id]
        return ast.UnaryOp(ast.USub(), ast.Constant(-value)) if value < 0 else ast.Constant(value)

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        if not isinstance(node.op, ast.Pow):
            return ast.BinOp(self.visit(node.left), node.op, self.visit(node.right))
        base, exponent = self.visit(node.left), _number(self.visit(node.right))
        if exponent in (2, 3):
            return ast.BinOp(base, ast.Pow(), ast.Constant(int(exponent)))
        if exponent == 4:
            square = ast.BinOp(base, ast.Pow(), ast.Constant(2))
            return ast.BinOp(square, ast.Pow(), ast.Constant(2))
        if exponent == 0.5:
            return ast.Call(ast.Name("sqrt"), [base], [])
        logarithm = ast.Call(ast.Name("log"), [base], [])
        power = ast.BinOp(ast.Constant(exponent), ast.Mult(), logarithm)
        return ast.Call(ast.Name("exp"), [power], [])


def _number(tree: ast.expr) -> float:
    """Return the number that an exponent is; only numbers and one division of such occur."""
    match tree:
        case ast.Constant(value=int() | float() as value):
            return float(value)
        case ast.BinOp(op=ast.Div(), left=left, right=right):
            return _number(left) / _number(right)
    raise UntranslatableIndexError(f"the exponent {ast.unparse(tree)!r} is not a number")
