"""The page: the built files of `app/web/dist`, or a sentence on how to build them."""

from http import HTTPStatus
from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter, FastAPI
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

DIST = Path(str(files("app"))) / "web" / "dist"

POLICY = "; ".join(
    [
        "default-src 'self'",
        "img-src 'self' data: blob:",
        "connect-src 'self'",
        "worker-src 'self' blob:",
        "child-src blob:",
        "style-src 'self' 'unsafe-inline'",
        "object-src 'none'",
        "base-uri 'self'",
        "frame-ancestors 'self'",
    ]
)
"""What the page may load: MapLibre runs workers from blobs and styles its controls inline."""

FRESH = {"Cache-Control": "no-cache", "Content-Security-Policy": POLICY}
LASTING = "public, max-age=31536000, immutable"
"""For files whose name carries a hash of their content."""

UNBUILT = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Tilewatch</title>
<p>The service is running. Its page has not been built: run <code>scripts/setup run</code> in the checkout and
start again. <a href="docs">The interface is described here.</a></p>
</html>
"""


class HashedFiles(StaticFiles):
    """Files that never change under their name."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file, to be kept for ever."""
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = LASTING
        return response


def add_page(app: FastAPI, dist: Path = DIST) -> None:
    """Serve the page at `/`, its hashed files under `/assets`, and what else lies beside it."""
    router = APIRouter(include_in_schema=False)

    @router.get("/", name="page")
    def page() -> Response:
        index = dist / "index.html"
        if index.is_file():
            return FileResponse(index, media_type="text/html", headers=FRESH)
        return HTMLResponse(UNBUILT, headers=FRESH)

    @router.get("/{name}.{extension}", name="page_file")
    def page_file(name: str, extension: str) -> Response:
        for file in dist.glob("*.*"):
            if file.name == f"{name}.{extension}":
                return FileResponse(file, headers=FRESH)
        raise HTTPException(HTTPStatus.NOT_FOUND)

    if (dist / "assets").is_dir():
        app.mount("/assets", HashedFiles(directory=dist / "assets"), name="assets")
    app.include_router(router)
