"""The pages: the files built in `app/web/dist`, or a note on how to build them."""

import os
from collections.abc import Mapping
from http import HTTPStatus
from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter, FastAPI
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from app.http.compression import accepts
from app.http.edr_documents import landing_document

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
"""What a page may load: MapLibre runs workers from blobs; it and swagger-ui style controls inline."""

FRESH = {"Cache-Control": "no-cache", "Content-Security-Policy": POLICY}
LASTING = {"Cache-Control": "public, max-age=31536000, immutable"}
"""For files whose name contains a hash of their content."""

CODINGS = (("br", ".br"), ("gzip", ".gz"))
"""The compressed forms the build puts beside a file, smallest first."""

UNBUILT = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Tilewatch</title>
<p>The service is running. Its pages have not been built: run <code>scripts/setup run</code> in the checkout
and start again. <a href="openapi.json">The interface is described here.</a></p>
</html>
"""


class BuiltFiles(StaticFiles):
    """Files of the build, each in the smallest form the caller accepts."""

    def __init__(self, directory: Path, headers: Mapping[str, str]) -> None:
        super().__init__(directory=directory, check_dir=False)
        self._headers = headers

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        """Return the file of a path; compressed forms have no paths of their own."""
        if path.endswith(tuple(suffix for _, suffix in CODINGS)):
            return "", None
        return super().lookup_path(path)

    def file_response(
        self,
        full_path: "str | Path",  # type: ignore[override]
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        """Return the file, or a 304 if the caller has it."""
        forms = [(coding, Path(f"{full_path}{suffix}")) for coding, suffix in CODINGS]
        packed = [(coding, form) for coding, form in forms if form.is_file()]
        wanted = Headers(scope=scope).get("accept-encoding", "")
        coding, form = next((pair for pair in packed if accepts(wanted, pair[0])), (None, Path(full_path)))
        response = super().file_response(
            form, stat_result if coding is None else form.stat(), scope, status_code
        )
        response.headers.update(self._headers)
        if packed:
            response.headers.add_vary_header("Accept-Encoding")
        if coding is not None and response.status_code != HTTPStatus.NOT_MODIFIED:
            response.headers["Content-Encoding"] = coding
        return response


def wants_json(request: Request) -> bool:
    """Return whether a caller asks for the landing page of the interface and not for the map."""
    accepted = request.headers.get("accept", "")
    return request.query_params.get("f") == "json" or ("json" in accepted and "text/html" not in accepted)


def add_page(app: FastAPI, dist: Path = DIST) -> None:
    """Serve the map at `/`, the API documentation at `/docs`, and the files that belong to them."""
    router = APIRouter(include_in_schema=False)
    built = BuiltFiles(dist, FRESH)

    async def html(name: str, scope: Scope) -> Response:
        if (dist / name).is_file():
            return await built.get_response(name, scope)
        return HTMLResponse(UNBUILT, headers=FRESH)

    @router.get("/", name="page")
    async def page(request: Request) -> Response:
        if wants_json(request):
            return JSONResponse(landing_document(request), headers={"Vary": "Accept"})
        return await html("index.html", request.scope)

    @router.get("/docs", name="docs")
    async def docs(request: Request) -> Response:
        return await html("docs.html", request.scope)

    @router.get("/{name}.{extension}", name="page_file")
    async def page_file(request: Request, name: str, extension: str) -> Response:
        return await built.get_response(f"{name}.{extension}", request.scope)

    if (dist / "assets").is_dir():
        app.mount("/assets", BuiltFiles(dist / "assets", LASTING), name="assets")
    app.include_router(router)
