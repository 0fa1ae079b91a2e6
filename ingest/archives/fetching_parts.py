"""Fetching parts: of a tiled GeoTIFF only what lies under a box, read from its archive by ranges.

What comes is kept at its own place in a file as long as the archive's, with holes elsewhere. GDAL reads the
blocks under the box from it as it would from the whole, so that the same pixels come out.
"""

import asyncio
import re
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

import httpx
from rasterio.windows import Window

from ingest.archives.archive import Progress, WholeOnlyError
from ingest.archives.fetching import MAX_FILE_BYTES, REFUSED, DamagedFileError, Expected, Signed
from ingest.archives.http import ArchiveAnswerError, ArchiveClient, ArchiveError, Request, shown
from ingest.archives.pace import Pace
from ingest.archives.versions import Version
from ingest.block_checks import require_blocks
from ingest.clipping import window_under
from ingest.layout import Blocks, LayoutError, Span, read_layout
from ingest.raster import DamagedRasterError, RasterRefusedError, opened
from ingest.sparse_file import SparseFile
from mosaics.bbox import Bbox

HEAD_BYTES = 2**16
"""Asked for at first: the directories of a COG, which stand at its beginning, are seldom longer."""
PAGE_BYTES = 2**14
"""Least that is asked for of what else is not pixels."""
GAP_BYTES = 2**17
"""Fetched although it is not needed, where another request would take longer."""
REQUEST_BYTES = 2**22
"""Most that is asked for at once, and so what a run that is killed may have to fetch again."""


NO_PARTS = "the archive gives no parts of it"


class _ReplacedError(Exception):
    """The archive has another version of the file than the one begun."""


async def fetch_under(
    client: ArchiveClient,
    signed: Signed,
    expected: Expected,
    target: Path,
    *,
    bbox: Bbox,
    progress: Progress = lambda _: None,
) -> None:
    """Fetch what lies under a box to `target`; ask for nothing where it is there already.

    The size is compared with the archive's; its checksum is that of the whole, and cannot be.

    Raises:
        WholeOnlyError: If the archive gives no parts, or the file's blocks cannot be told apart.
        RasterRefusedError: If the file has nothing under the box.
        DamagedFileError: If its size differs from what the archive says.
        DamagedRasterError: If a block under the box is damaged, twice.
        ArchiveError: If the archive does not give the file, or changes it time and again.
    """
    for again in (True, False):
        holed = SparseFile(target)
        if holed.is_published:
            return
        file = _RemoteFile(client, signed, expected, holed, progress)
        try:
            await file.bring(0, HEAD_BYTES)
            images = await read_layout(file.read, file.size_bytes)
            window = await asyncio.to_thread(_window, holed.path, target.name, bbox)
            for begin, end in _joined(span for image in images for span in image.under(window)):
                await file.bring(begin, end)
            await asyncio.to_thread(_check, holed.path, target.name, images, window)
        except _ReplacedError:
            file.begin_again()
        except DamagedRasterError:
            file.begin_again()
            if not again:
                raise
        except LayoutError as error:
            file.begin_again()
            raise WholeOnlyError(str(error)) from error
        except (DamagedFileError, RasterRefusedError, WholeOnlyError):
            file.begin_again()
            raise
        else:
            holed.publish()
            return
    raise ArchiveError(f"the archive changes {target.name} while it is fetched.")


def _check(path: Path, name: str, images: Iterable[Blocks], window: Window) -> None:
    for image in images:
        require_blocks(path, image, image.under(window), name)


def _window(path: Path, name: str, bbox: Bbox) -> Window:
    with opened(path) as dataset:
        window = window_under(dataset, bbox)
    if window is None:
        raise RasterRefusedError(f"{name} has no pixels under the box.")
    return window


def _joined(spans: Iterable[Span]) -> Iterator[Span]:
    """Yield the spans in their order in the file, those close to one another as one."""
    begin = end = -1
    for next_begin, next_end in sorted(spans):
        if begin < 0:
            begin, end = next_begin, next_end
        elif next_begin - end <= GAP_BYTES:
            end = max(end, next_end)
        else:
            yield begin, end
            begin, end = next_begin, next_end
    if begin >= 0:
        yield begin, end


class _RemoteFile:
    """A file in its archive, of which parts are brought to the one with holes."""

    def __init__(
        self, client: ArchiveClient, signed: Signed, expected: Expected, holed: SparseFile, progress: Progress
    ) -> None:
        self.holed = holed
        self._client = client
        self._signed = signed
        self._expected = expected
        self._progress = progress
        self._version: Version | None = None
        """Of the first answer of this run."""

    @property
    def size_bytes(self) -> int:
        return self.holed.size_bytes

    async def read(self, begin: int, length: int) -> bytes:
        """Return a part that is not pixels."""
        last_page = -(-(begin + length) // PAGE_BYTES) * PAGE_BYTES
        await self.bring(begin, min(last_page, self.size_bytes))
        return self.holed.read(begin, length)

    async def bring(self, begin: int, end: int) -> None:
        """Fetch what of a span has not come yet; the file may end before it does."""
        refused = False
        while self._gap(begin, end) is not None:
            url = await self._signed(refused)
            try:
                await self._client.patiently(partial(self._receive, url, begin, end), url=url)
                refused = False
            except ArchiveAnswerError as error:
                if error.status == 416:
                    raise (_ReplacedError() if self.holed.tag else WholeOnlyError(NO_PARTS)) from error
                if error.status not in REFUSED or refused:
                    raise
                refused = True

    def begin_again(self) -> None:
        """Forget what has come."""
        self._progress(-self.holed.come_bytes)
        self.holed.clear()

    def _gap(self, begin: int, end: int) -> Span | None:
        """Return what is asked for next; None where all has come."""
        if self.holed.tag is not None:
            end = min(end, self.size_bytes)
        gap = self.holed.first_gap(begin, end)
        return gap and (gap[0], min(gap[1], gap[0] + REQUEST_BYTES))

    async def _receive(self, url: str, begin: int, end: int) -> None:
        """Ask once for what is missing first; keep what comes of it, also where it breaks off."""
        gap = self._gap(begin, end)
        if gap is None:
            return
        headers = {"Accept-Encoding": "identity", "Range": f"bytes={gap[0]}-{gap[1] - 1}"}
        if self.holed.tag is not None:
            headers["If-Range"] = self.holed.tag
        async with self._client.once(Request(url, headers=headers)) as response:
            at = self._begin(url, response, gap)
            pace = Pace(self._client.patience.crawl_s)
            try:
                async for data in response.aiter_raw():
                    pace.take(len(data))
                    if at + len(data) > gap[1]:
                        raise ArchiveError(f"the archive answers more of {shown(url)} than was asked.")
                    self.holed.write(at, data)
                    at += len(data)
                    self._progress(len(data))
            finally:
                self.holed.save()
        if at == gap[0]:
            raise ArchiveError(f"the archive answers nothing of {shown(url)}.")

    def _begin(self, url: str, response: httpx.Response, gap: Span) -> int:
        """Return where in the file an answer belongs, which is where it was asked for."""
        if response.status_code != 206:
            raise WholeOnlyError(NO_PARTS) if self.holed.tag is None else _ReplacedError
        said = re.fullmatch(
            r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})", response.headers.get("content-range", "")
        )
        if said is None or int(said[1]) != gap[0] or int(said[2]) >= gap[1]:
            raise ArchiveError(f"the archive answers another part of {shown(url)} than was asked.")
        size_bytes = int(said[3])
        version = Version.of(response, size_bytes)
        tag = version.tag
        self._version = first = self._version or version
        if tag is None:
            raise WholeOnlyError("the archive does not tell its versions apart")
        if self.holed.tag is None:
            limit = MAX_FILE_BYTES if self._expected.size_bytes is None else self._expected.size_bytes
            if size_bytes > limit or self._expected.size_bytes not in {None, size_bytes}:
                raise DamagedFileError(
                    f"the file {shown(url)} has {size_bytes} bytes; {limit} were expected."
                )
            self.holed.begin(tag, size_bytes)
        elif (tag, size_bytes) != (self.holed.tag, self.size_bytes) or not first.is_continued_by(version):
            raise _ReplacedError
        return gap[0]
