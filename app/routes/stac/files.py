"""Files: the COGs of an item, read in whole or in part from the storage that holds them.

Only files that an item names are served, under a version, so that parts read one after another match.
"""

import re
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from app.caching.tile_reply import matches
from app.errors import NothingLandedError
from app.http.auth import require
from app.http.parameters import OpenDatabase, ReadyState, known_names
from app.keys import Scope
from app.stac.scene_store import IndexedScene, read_scene
from app.stac.search import UnknownSceneError
from mosaics.storage import Storage

COG = "image/tiff; application=geotiff; profile=cloud-optimized"
PIECE_BYTES = 1024 * 1024
"""Bytes read from storage at a time; the parts of a COG that clients request are mostly smaller."""

RANGE = re.compile(r"bytes=(\d*)-(\d*)", re.ASCII)

DIGITS = 18
"""Digits of the largest position that is told apart; no file has an exabyte."""

router = APIRouter(tags=["STAC"], dependencies=[Depends(known_names), Depends(require(Scope.READ))])


@router.get(
    "/stac/collections/{collection_id}/items/{item_id}/files/{version}/{name}",
    name="stac_file",
    response_class=StreamingResponse,
    responses={
        200: {"content": {"image/tiff": {}}},
        206: {"description": "The part requested by `Range`.", "content": {"image/tiff": {}}},
        304: {"description": "The caller has the current file."},
    },
)
async def read_file(
    *,
    request: Request,
    state: ReadyState,
    database: OpenDatabase,
    collection_id: str,
    item_id: str,
    version: Annotated[str, Path(description="Changes with the content of the item's files.")],
    name: str,
) -> Response:
    """Return an asset's file, at the address its item gives; GDAL reads it through `/vsicurl/`."""
    async with database.connection() as connection:
        scene = await read_scene(connection, collection_id, item_id)
    key = file_key(scene, version, name)
    tag = f'"{version}-{name}"'
    headers = {
        "ETag": tag,
        "Cache-Control": "public, max-age=31536000, immutable",
        "Accept-Ranges": "bytes",
    }
    required = request.headers.get("if-match")
    if required is not None and not names(required, tag):
        raise HTTPException(
            HTTPStatus.PRECONDITION_FAILED, f"the file is not the one of If-Match; its ETag is {tag}"
        )
    asked = request.headers.get("if-none-match")
    if asked is not None and matches(asked.encode("latin-1"), tag.encode()):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    size = (await state.storage.head(key)).size
    whole = request.headers.get("if-range", tag) != tag
    part = None if whole else asked_part(request.headers.get("range", ""), size)
    status = HTTPStatus.OK if part is None else HTTPStatus.PARTIAL_CONTENT
    start, end = (0, size) if part is None else part
    headers["Content-Length"] = str(end - start)
    if part is not None:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    if request.scope.get("asked_by_head"):
        return Response(status_code=status, headers=headers, media_type=COG)
    return StreamingResponse(pieces(state.storage, key, start, end), status, headers, COG)


def names(condition: str, tag: str) -> bool:
    """Return whether an `If-Match` names a tag; weak tags match none (RFC 9110, 13.1.1)."""
    return condition.strip() == "*" or tag in (part.strip() for part in condition.split(","))


def file_key(scene: IndexedScene, version: str, name: str) -> str:
    """Return the storage key of an item's file.

    Raises:
        NothingLandedError: If the item has other files by now.
        UnknownSceneError: If the item has no such file.
    """
    keys = (scene.asset_key(asset) for asset in scene.item["assets"])
    files = {key.rpartition("/")[2]: key for key in keys if key is not None}
    if name not in files:
        raise UnknownSceneError(scene.collection, f"{scene.id}/{name}")
    if version != scene.version:
        raise NothingLandedError(
            f"{scene.id!r} has landed again since then; its item has the current addresses of its files"
        )
    return files[name]


def asked_part(text: str, size: int) -> tuple[int, int] | None:
    """Return the first byte and the byte after the last that a `Range` requests; None for the whole file.

    Multiple ranges and other units are answered with the whole file (RFC 9110, 14.2).

    Raises:
        HTTPException: If the range contains no byte of the file; status 416.
    """
    match = RANGE.fullmatch(text.strip())
    if match is None or not any(match.groups()):
        return None
    first, last = match.groups()
    if not first:
        start, end = max(0, size - position(last)), size
    else:
        start, end = position(first), min(position(last) + 1 if last else size, size)
        if last and position(last) < start:
            return None
    if start >= end:
        raise HTTPException(
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            f"the range is not within the file; the file has {size} bytes",
            headers={"Content-Range": f"bytes */{size}"},
        )
    return start, end


def position(digits: str) -> int:
    """Return the position that some digits name; one with more than `DIGITS` is beyond every file."""
    named = digits.lstrip("0") or "0"
    return int(named) if len(named) <= DIGITS else 10**DIGITS


async def pieces(storage: Storage, key: str, start: int, end: int) -> AsyncIterator[bytes]:
    """Yield the bytes of an object in pieces."""
    while start < end:
        piece = await storage.get_range(key, start, min(PIECE_BYTES, end - start))
        if not piece:
            return
        yield piece
        start += len(piece)
