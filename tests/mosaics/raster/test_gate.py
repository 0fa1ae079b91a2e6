"""What GDAL reads over the network goes to public hosts over https, wherever redirects lead."""

import os
import ssl
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.errors import RasterioIOError

from mosaics.raster.opening import ALONE, open_raster
from mosaics.raster.remote import RunningGate
from tests.rasters import write_cog

CERTIFICATE = Path(__file__).with_name("archive.pem")
"""Of archive.test and inside.test, with its key, for tests alone."""


class Host(ThreadingHTTPServer):
    """Serves one GeoTIFF, or leads elsewhere; over https where it is told so."""

    daemon_threads = True

    def __init__(self, content: bytes, *, https: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.leads_to, self.asked = content, "", 0
        if https:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(CERTIFICATE)
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: refused connections end in the middle of a handshake."""


class Handler(BaseHTTPRequestHandler):
    server: Host
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.asked += 1
        content, status, headers = self.server.content, 200, {}
        if self.server.leads_to and self.path.startswith("/lead"):
            content, status, headers = b"", 302, {"Location": self.server.leads_to}
        elif asked := self.headers.get("Range"):
            first, _, last = asked.removeprefix("bytes=").partition("-")
            start, end = int(first), min(int(last) + 1, len(content))
            headers = {"Content-Range": f"bytes {start}-{end - 1}/{len(content)}"}
            content, status = content[start:end], 206
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            with suppress(OSError):
                self.wfile.write(content)

    do_HEAD = do_GET  # noqa: N815 - the name http.server looks for

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def content(tmp_path: Path) -> bytes:
    return write_cog(tmp_path / "a.tif", np.full((64, 64), 7, np.uint8)).read_bytes()


@pytest.fixture
def hosts(content: bytes) -> Iterator[list[Host]]:
    """A host over https, which is public to `gate`, and two of this machine: https and http."""
    started = [Host(content, https=True), Host(content, https=True), Host(content)]
    for host in started:
        threading.Thread(target=host.serve_forever, daemon=True).start()
    yield started
    for host in started:
        host.shutdown()
        host.server_close()


@pytest.fixture(scope="module")
def gate() -> Iterator[RunningGate]:
    started = RunningGate.start((sys.executable, "-m", "tests.mosaics.raster.gate_to_archive_test"))
    yield started
    started.close()


def read(path: str) -> int:
    with rasterio.Env(GDAL_HTTP_UNSAFESSL="YES", **ALONE), rasterio.open(path, driver="GTiff") as dataset:
        return int(dataset.read(1)[0, 0])


def test_a_public_host_is_read_over_https(gate: RunningGate, hosts: list[Host]) -> None:
    address = f"https://archive.test:{hosts[0].server_port}"
    assert read(gate.through(f"/vsicurl/{address}/a.tif")) == 7
    hosts[0].leads_to = f"{address}/a.tif"
    assert read(gate.through(f"/vsicurl/{address}/lead.tif")) == 7


@pytest.mark.parametrize("no_proxy", ["", "127.0.0.1,inside.test,localhost"])
@pytest.mark.parametrize(
    "leads_to",
    [
        "http://127.0.0.1:{http}/a.tif",
        "http://archive.test:{http}/a.tif",
        "http://localhost:{http}/a.tif",
        "https://inside.test:{inside}/a.tif",
        "https://127.0.0.1:{inside}/a.tif",
        "https://localhost:{inside}/a.tif",
    ],
)
def test_a_redirect_leads_to_nothing_private_and_to_no_http(
    gate: RunningGate, hosts: list[Host], leads_to: str, no_proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    public, inside, plain = hosts
    if no_proxy:
        monkeypatch.setenv("no_proxy", no_proxy)
    public.leads_to = leads_to.format(inside=inside.server_port, http=plain.server_port)
    with pytest.raises(RasterioIOError):
        read(gate.through(f"/vsicurl/https://archive.test:{public.server_port}/lead.tif"))
    assert (public.asked > 0, inside.asked, plain.asked) == (True, 0, 0)
    if no_proxy:
        assert os.environ["no_proxy"] == no_proxy  # other clients of this process keep to it


def test_hosts_of_this_machine_are_not_read(hosts: list[Host]) -> None:
    for address in (f"https://127.0.0.1:{hosts[0].server_port}", f"https://localhost:{hosts[0].server_port}"):
        with pytest.raises(RasterioIOError):
            open_raster(f"/vsicurl/{address}/a.tif")
    assert hosts[0].asked == 0


def test_a_file_over_http_on_this_machine_leads_nowhere_else(hosts: list[Host]) -> None:
    _, inside, plain = hosts
    with open_raster(f"/vsicurl/http://127.0.0.1:{plain.server_port}/a.tif") as dataset:
        assert dataset.read(1)[0, 0] == 7
    for target in (f"https://127.0.0.1:{inside.server_port}/a.tif", "http://localhost:1/a.tif"):
        plain.leads_to = target
        with pytest.raises(RasterioIOError):
            open_raster(f"/vsicurl/http://127.0.0.1:{plain.server_port}/lead-{len(target)}.tif")
    assert inside.asked == 0


def test_other_programs_do_not_get_through(gate: RunningGate, hosts: list[Host]) -> None:
    path = gate.through(f"/vsicurl/https://archive.test:{hosts[0].server_port}/a.tif")
    with pytest.raises(RasterioIOError):
        read(path.replace("public:", "public:not-"))
    assert hosts[0].asked == 0
