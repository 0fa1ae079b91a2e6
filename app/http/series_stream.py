"""Series of many areas as they are read: CSV, JSON, or Parquet, a page at a time."""

import asyncio
import json
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing
from enum import StrEnum
from typing import Any

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from app.areas.many_series import AreaEntry
from app.http.series_csv import csv_lines
from app.http.series_parquet import parquet_of
from app.http.series_table import Cell, Column, columns, row
from app.products.product import Product

Pages = AsyncGenerator[list[AreaEntry]]

BEFORE = (Column("area", "id"), Column("name", "text"))
AFTER = (Column("current", "truth"),)
"""Around the columns of one area's series."""


class ManyFormat(StrEnum):
    """The formats of the series of many areas."""

    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"

    @property
    def media_type(self) -> str:
        """The media type of an answer."""
        return MEDIA_TYPES[self]


MEDIA_TYPES: Mapping[ManyFormat, str] = {
    ManyFormat.JSON: "application/json",
    ManyFormat.CSV: "text/csv",
    ManyFormat.PARQUET: "application/vnd.apache.parquet",
}


class PagesResponse(StreamingResponse):
    """A streamed answer whose source is closed with it, even if the caller goes away before it begins."""

    def __init__(self, parts: AsyncGenerator[bytes], **facts: Any) -> None:
        super().__init__(parts, **facts)
        self._parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer."""
        async with aclosing(self._parts):
            await super().__call__(scope, receive, send)


def table_columns(product: Product) -> tuple[Column, ...]:
    """Return the columns: those of one area's series, after the area and before whether it is current."""
    return (*BEFORE, *columns(product), *AFTER)


def table_rows(product: Product, entries: Iterable[AreaEntry]) -> list[list[Cell]]:
    """Return entries as rows of `table_columns`."""
    return [[e.area, e.name, *row(product, json.loads(e.entry)), e.current] for e in entries]


def streamed(
    form: ManyFormat, product: Product, about: Mapping[str, Any], pages: Pages
) -> AsyncGenerator[bytes]:
    """Return the parts of an answer in a format; `about` stands before the series in JSON."""
    if form is ManyFormat.JSON:
        return _as_json(about, pages)
    if form is ManyFormat.CSV:
        return _as_csv(product, pages)
    return parquet_of(table_columns(product), _tables(product, pages))


async def _as_json(about: Mapping[str, Any], pages: Pages) -> AsyncGenerator[bytes]:
    between = f'{json.dumps(about)[:-1]}, "series": [\n'
    async with aclosing(pages):
        async for page in pages:
            if page:
                yield (between + ",\n".join(entry.to_json() for entry in page)).encode()
                between = ",\n"
    yield (between if between != ",\n" else "").encode() + b"]}\n"


async def _as_csv(product: Product, pages: Pages) -> AsyncGenerator[bytes]:
    yield csv_lines([[column.name for column in table_columns(product)]]).encode()
    async with aclosing(pages):
        async for page in pages:
            yield await asyncio.to_thread(_csv_of, product, page)


def _csv_of(product: Product, page: Sequence[AreaEntry]) -> bytes:
    return csv_lines(table_rows(product, page)).encode()


async def _tables(product: Product, pages: Pages) -> AsyncGenerator[Sequence[Sequence[Cell]]]:
    async with aclosing(pages):
        async for page in pages:
            yield await asyncio.to_thread(table_rows, product, page)
