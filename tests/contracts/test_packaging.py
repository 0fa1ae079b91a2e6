"""The wheel, built from the sdist, works far from the checkout, with page, products and migrations inside."""

import json
import os
import subprocess
import sys
import tarfile
import urllib.request
import zipfile
from pathlib import Path

import pytest

from tests.services.child import Child
from tests.services.ports import free_port, wait_until_listening

CHECKOUT = Path(__file__).parents[2]
DATA = [
    "app/products/*.toml",
    "app/products/indices/*.json",
    "app/web/dist/**/*",
    "colormaps/*.toml",
    "mosaics/**/*.toml",
    "migrations/**/*.py",
    "migrations/**/*.sql",
]
"""What the program reads beside its own modules, as patterns below the checkout."""


def build(source: Path, target: str, folder: Path) -> Path:
    """Builds an sdist or a wheel with the build backend alone, which asks no index for anything."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)],
        cwd=source, check=True, capture_output=True,
    )  # fmt: skip
    (built,) = folder.glob("*.tar.gz" if target == "sdist" else "*.whl")
    return built


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not (CHECKOUT / "app" / "web" / "dist" / "index.html").exists():
        pytest.fail("the page is not built: run scripts/setup test", pytrace=False)
    return build(CHECKOUT, "sdist", tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packages")
    subprocess.run(["tar", "--extract", "--file", str(sdist)], cwd=folder, check=True)
    return build(folder / sdist.name.removesuffix(".tar.gz"), "wheel", folder)


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with the wheel, and with the dependencies of the tests' own."""
    environment = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    run = [
        str(environment / "bin" / "python"),
        "-m",
        "pip",
        "--disable-pip-version-check",
        "install",
        "--quiet",
    ]
    subprocess.run([*run, "--no-index", "--no-deps", str(wheel)], check=True, cwd=environment)
    (packages,) = environment.glob("lib/python*/site-packages")
    (dependencies,) = {
        path for path in sys.path if path.startswith(sys.prefix) and path.endswith("site-packages")
    }
    (packages / "dependencies.pth").write_text(dependencies)
    return environment / "bin"


def test_wheel_carries_everything_the_program_reads(wheel: Path):
    inside = set(zipfile.ZipFile(wheel).namelist())
    for pattern in DATA:
        wanted = {str(path.relative_to(CHECKOUT)) for path in CHECKOUT.glob(pattern) if path.is_file()}
        assert wanted <= inside, pattern
    assert "app/web/dist/index.html" in inside


def test_wheel_carries_nothing_else(wheel: Path):
    inside = zipfile.ZipFile(wheel).namelist()
    folders = {name.split("/")[0] for name in inside}
    assert folders == {"app", "ingest", "mosaics", "colormaps", "migrations", "tilewatch-0.1.0.dist-info"}
    page = [name for name in inside if name.startswith("app/web/")]
    assert all(name.startswith("app/web/dist/") for name in page)


def test_sdist_carries_the_source_of_the_page_without_its_tests(sdist: Path):
    with tarfile.open(sdist) as inside:
        page = [name for name in inside.getnames() if "/app/web/src/" in name]
    assert any(name.endswith("/numbers.ts") for name in page)
    assert not [name for name in page if ".test." in name or ".fixture." in name]


def test_command_works_where_only_the_wheel_is(installed: Path, tmp_path: Path):
    done = subprocess.run(
        [str(installed / "tilewatch"), "--help"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    for command in ("serve", "demo", "land", "sweep"):
        assert f"\n  {command} " in done.stdout
    where = subprocess.run(
        [str(installed / "python"), "-c", "import app, ingest; print(app.__file__, ingest.__file__)"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert str(CHECKOUT) not in where.stdout


def test_wheel_serves_page_products_and_colours(installed: Path, tmp_path: Path):
    port = free_port()
    server = Child.start(
        [str(installed / "tilewatch"), "serve", "--port", str(port)],
        tmp_path,
        name="tilewatch",
        env={"PATH": os.environ["PATH"], "TILEWATCH_STORAGE": (tmp_path / "store").as_uri()},
    )
    try:
        wait_until_listening(port, timeout_s=60, check=server.check)
        address = f"http://127.0.0.1:{port}"
        with urllib.request.urlopen(f"{address}/") as page:
            assert b"<title>" in page.read()
        with urllib.request.urlopen(f"{address}/products") as answer:
            products = {product["id"] for product in json.load(answer)["products"]}
        assert {"ndvi", "nightlights", "no2", "true-color"} <= products
        with urllib.request.urlopen(f"{address}/products/ndvi/legend.json") as answer:
            assert len(json.load(answer)["colors"]) >= 16
    finally:
        server.kill()
