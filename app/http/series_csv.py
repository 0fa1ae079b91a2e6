"""Series as CSV (RFC 4180)."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from app.http.series_table import Cell, columns, row
from app.products.product import Product


def series_csv(product: Product, entries: Iterable[Mapping[str, Any]]) -> str:
    """Return a table: the header, then one line per entry.

    Unknown values are empty, and so are all numbers of an entry without values but the polygon's own area.
    """
    header = [column.name for column in columns(product)]
    return csv_lines([header, *(row(product, entry) for entry in entries)])


def csv_lines(rows: Iterable[Sequence[Cell]]) -> str:
    """Return rows as lines of CSV."""
    out = io.StringIO()
    csv.writer(out).writerows([_text(cell) for cell in each] for each in rows)
    return out.getvalue()


def _text(cell: Cell) -> Cell:
    return cell if not isinstance(cell, bool) else "true" if cell else "false"
