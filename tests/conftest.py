"""Fixtures every test may ask for: real servers, storage addresses, real data, the browser."""

import fcntl
import gc
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import botocore.session
import pytest

import migrations
import mosaics  # noqa: F401 - before a test imports rasterio (mosaics.without_xarray)
from tests.services.ceph import CephGateway
from tests.services.child import MissingProgramError
from tests.services.postgres import PostgresServer
from tests.services.redis_server import RedisServer

CHECKOUT = Path(__file__).parent.parent
LONG = (
    *("end_to_end/test_page", "end_to_end/test_charts", "app/test_errors", "ingest/test_landing_killed"),
    *("app/routes/areas/test_areas", "ingest/overviews/test_building", "end_to_end/test_changes"),
    *("ingest/overviews/test_keeping", "ingest/test_landing", "end_to_end/test_saved_areas"),
    *("end_to_end/test_lights", "end_to_end/test_updates", "app/routes/products/test_statistics"),
    *("ingest/test_ingesting_killed", "ingest/compositing/test_schedulers", "app/test_recovery"),
    *("app/jobs/test_servers",),
    *("app/tasks/test_servers", "app/regions/test_refreshing", "contracts/test_packaging"),
    *("scripts/test_paths", "scripts/test_corpora", "contracts/test_web"),
)
"""Files whose tests take longest. They begin first, so that no process is left with one at the end."""
CHROMIUM = Path("/usr/bin/chromium")


GARBAGE = gc.get_threshold()
gc.set_threshold(0)  # until the tests are collected: what is imported and collected stays, and is no garbage


def pytest_collection_finish() -> None:
    """Let garbage be collected, without a look at what was imported and collected each time."""
    gc.freeze()
    gc.set_threshold(*GARBAGE)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put long files first; all others stay in their order."""
    first = {CHECKOUT / "tests" / f"{name}.py": place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: first.get(item.path, len(LONG)))


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A running Redis, empty at first; a test that stops or pauses it starts or resumes it again."""
    try:
        server = RedisServer(tmp_path_factory.mktemp("redis"))
    except MissingProgramError as missing:
        pytest.fail(str(missing), pytrace=False)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """Address of the Redis of this session; it keeps what earlier tests put there."""
    redis_server.start()
    return redis_server.url


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CephGateway]:
    """A running S3 server; the AWS_* environment names it for as long as the session lasts."""
    try:
        gateway = CephGateway(tmp_path_factory.mktemp("ceph"))
    except MissingProgramError as missing:
        pytest.fail(str(missing), pytrace=False)
    gateway.start()
    with pytest.MonkeyPatch.context() as environment:
        for name in ("AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ENDPOINT_URL_S3"):
            environment.delenv(name, raising=False)
        environment.setenv("AWS_ACCESS_KEY_ID", gateway.access_key)
        environment.setenv("AWS_SECRET_ACCESS_KEY", gateway.secret_key)
        environment.setenv("AWS_ENDPOINT_URL", gateway.endpoint)
        environment.setenv("AWS_REGION", gateway.region)
        environment.setenv("AWS_DEFAULT_REGION", gateway.region)
        environment.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield gateway
    gateway.end()


@pytest.fixture(scope="session")
def s3_client(s3: CephGateway) -> Iterator[Any]:
    """A client of botocore's, which takes a third of a second to make."""
    client = botocore.session.Session().create_client(
        "s3",
        endpoint_url=s3.endpoint,
        region_name=s3.region,
        aws_access_key_id=s3.access_key,
        aws_secret_access_key=s3.secret_key,
    )
    yield client
    client.close()


@pytest.fixture
def s3_address(s3: CephGateway, s3_client: Any) -> str:
    """A folder in a bucket of its own, as ``s3://bucket/prefix``."""
    s3.start()
    bucket = f"test-{uuid4().hex}"
    s3_client.create_bucket(Bucket=bucket)
    return f"s3://{bucket}/tilewatch"


@pytest.fixture(params=["folder", "s3"])
def storage_address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty storage of each kind: a local folder as ``file:///…``, and S3."""
    if request.param == "s3":
        return str(request.getfixturevalue("s3_address"))
    return (tmp_path / "store").as_uri()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A running PostgreSQL; its database `tilewatch` has the newest schema and stays empty, as a template."""
    with tempfile.TemporaryDirectory(prefix="tilewatch-postgres-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)  # pytest's own folders are closed to the user postgres
        try:
            server = PostgresServer(Path(folder))
        except MissingProgramError as missing:
            pytest.fail(str(missing), pytrace=False)
        server.start()
        migrations.upgrade(server.url("tilewatch"))
        yield server
        server.stop()


@pytest.fixture
def database_url(postgres: PostgresServer) -> Iterator[str]:
    """A database of its own with the newest schema and without rows, as ``postgresql://…``."""
    postgres.start()
    address = postgres.lend("tilewatch")
    yield address
    postgres.take_back(address)


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the demo in it, landed once for all processes of a run; tests leave it as it is."""
    run = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        run = run.parent
    folder, told = run / "demo", run / "demo.txt"
    with (run / "demo.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not told.is_file():
            command = [str(Path(sys.executable).with_name("tilewatch")), "demo", "--storage", folder.as_uri()]
            landed = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=500)
            told.write_bytes(landed.stdout)
    return folder


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real scenes beside the checkout."""
    folder = CHECKOUT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real scenes are not here: ../shared/data beside the checkout is missing")
    return folder


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    """How pytest-playwright starts Debian's Chromium, with WebGL drawn in software."""
    if not CHROMIUM.exists():
        pytest.fail(
            "Chromium is not installed: run scripts/setup test, or apt-get install chromium", pytrace=False
        )
    return {
        "executable_path": str(CHROMIUM),
        "args": [
            "--no-sandbox",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--use-gl=angle",
            "--use-angle=swiftshader",
            "--enable-unsafe-swiftshader",
            "--disable-gpu-rasterization",  # Debian switches it on: panel and text in software WebGL too
            "--disable-gpu-compositing",  # nor put together by it: a third of a visit's time
        ],
    }
