"""Tables as Parquet, written row group by row group while they are read."""

import asyncio
import io
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from queue import SimpleQueue
from typing import Any

from arro3.core import Array, DataType, Field, RecordBatch, RecordBatchReader, Schema
from arro3.io import write_parquet

from app.http.series_table import Cell, Column

COMPRESSION = "zstd(3)"

GROUP_ROWS = 20_000
"""Rows of a group: some 2 MB, which is what is held."""

TYPES: Mapping[str, DataType] = {
    "id": DataType.int64(),
    "text": DataType.utf8(),
    "number": DataType.float64(),
    "truth": DataType.bool(),
}

Rows = Sequence[Sequence[Cell]]


class _Sink(io.BytesIO):
    """A file that is taken away while it is written."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: SimpleQueue[bytes] = SimpleQueue()

    def write(self, part: Any) -> int:
        """Take a part of the file."""
        taken = bytes(part)
        self._parts.put(taken)
        return len(taken)

    def taken(self) -> bytes:
        """Return what has been written since this was last asked."""
        return b"".join(self._parts.get_nowait() for _ in range(self._parts.qsize()))


async def parquet_of(columns: Sequence[Column], pages: AsyncGenerator[Rows]) -> AsyncGenerator[bytes]:
    """Yield the bytes of a Parquet file with rows as they come.

    The writer pulls its batches, so that it runs on a thread of its own, and waits there for the next page.

    Args:
        columns: Names and types.
        pages: Cells of rows, in the order of the columns.
    """
    schema = Schema([Field(column.name, TYPES[column.holds]) for column in columns])
    loop, sink = asyncio.get_running_loop(), _Sink()
    given: SimpleQueue[RecordBatch | None] = SimpleQueue()
    wanted = asyncio.Event()

    def batches() -> Iterator[RecordBatch]:
        while True:
            loop.call_soon_threadsafe(wanted.set)
            batch = given.get()
            if batch is None:
                return
            yield batch

    def write() -> None:
        reader = RecordBatchReader.from_batches(schema, batches())
        write_parquet(
            reader,
            sink,
            compression=COMPRESSION,
            max_row_group_size=GROUP_ROWS,
            created_by="tilewatch",
        )

    executor = ThreadPoolExecutor(1)
    writing = loop.run_in_executor(executor, write)
    writing.add_done_callback(lambda _: wanted.set())
    try:
        async with aclosing(pages):
            async for rows in pages:
                await wanted.wait()
                if writing.done():
                    break
                wanted.clear()
                given.put(await asyncio.to_thread(_batch, schema, columns, rows))
                yield sink.taken()
    finally:
        given.put(None)  # which lets the thread end
        executor.shutdown(wait=False)
    await writing
    yield sink.taken()


def _batch(schema: Schema, columns: Sequence[Column], rows: Rows) -> RecordBatch:
    cells = list(zip(*rows, strict=True)) or [()] * len(columns)
    arrays = [Array(list(each), TYPES[column.holds]) for each, column in zip(cells, columns, strict=True)]
    return RecordBatch.from_arrays(arrays, schema=schema)
