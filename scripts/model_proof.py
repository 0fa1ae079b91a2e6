"""Holds what `tilewatch models run` lands beside the package of a real network, pixel by pixel.

The network is the one of ukis-csmask 1.0.0 (clouds and their shadows; DLR, Apache-2.0) with four bands, for
Level-1C and Level-2A; the scenes are real ones of Sentinel-2.
"""

import hashlib
import json
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from click.testing import CliRunner
from numpy.typing import NDArray

from app.cli import main
from app.models.tiling import Tiling

DATA = Path(__file__).parents[2] / "shared" / "data"
BANDS = ("blue", "green", "red", "nir")
PATCH, OVERLAP = 256, 52
CLASSES = {"clear": "#7f9f6f", "cloud": "#ffffff", "cloud shadow": "#404060"}


@dataclass(frozen=True, slots=True)
class Case:
    """A real scene and the network for it."""

    name: str
    level: str
    when: str
    pixel_m: int
    files: Mapping[str, tuple[str, int]]
    """File and number of the band in it, by band."""
    options: tuple[str, ...] = ()
    """Of `tilewatch land`."""


MOL = {"blue": "B02", "green": "B03", "red": "B04", "nir": "B08"}
CALIFORNIA = "dnbr_sentinel2_california"
CASES = (
    Case(
        "mol",
        "l1c",
        "2019-04-11T10:50:29Z",
        10,
        {b: (f"ndvi_sentinel2_mol_be/ref_input_S2_{code}.tif", 1) for b, code in MOL.items()},
        ("--baseline", "02.07"),
    ),
    *(
        Case(
            f"{fire}-{state}",
            "l2a",
            f"{day}T19:00:00Z",
            20,
            {band: (f"{CALIFORNIA}/{stem}_{state}.tif", number) for number, band in enumerate(BANDS, 1)},
            ("--scale", "0.0001", "--offset", "0"),
        )
        for fire, stem, day in (
            ("potters", "5-4_POTTERS__20200817", "2020-08-17"),
            ("incident", "5_INCIDENT_20240715", "2024-07-15"),
        )
        for state in ("pre", "post")
    ),
)


def run(*words: str, environment: Mapping[str, str]) -> str:
    """Run the command line, and return what it prints."""
    answer = CliRunner().invoke(main, words, env=dict(environment))
    if answer.exit_code:
        raise SystemExit(f"tilewatch {' '.join(words)}: {answer.output}")
    return answer.output


def describe(package: Path, case: Case, folder: Path) -> None:
    """Write the model as two files."""
    stem = f"model_4b_{case.level}"
    network = (package / f"{stem}.onnx").read_bytes()
    facts = json.loads((package / f"{stem}.json").read_text())
    mean, std = facts["data"]["dataset_statistics"]["img"]
    rows = "".join(f'\n[[classes]]\nname = "{n}"\ncolor = "{c}"\n' for n, c in CLASSES.items())
    (folder / f"csmask-{case.level}.onnx").write_bytes(network)
    (folder / f"csmask-{case.level}.toml").write_text(
        f'title = "Clouds and their shadows"\ncollection = "sentinel-2-l2a"\nbands = {list(BANDS)}\n'
        f"mean = {mean}\nstd = {std}\npixel_m = {case.pixel_m}\npatch = {PATCH}\noverlap = {OVERLAP}\n"
        f'output = "logits"\nlicense = "Apache-2.0"\nsource = "ukis-csmask 1.0.0 (DLR)"\n'
        f'version = "{facts["model"]["version"]}"\nsha256 = "{hashlib.sha256(network).hexdigest()}"\n'
        f'references = ["Wieland, Li and Martinis (2019), Remote Sensing of Environment 230, 111203"]\n{rows}'
    )


def land(case: Case, environment: Mapping[str, str]) -> tuple[float, float, float, float]:
    """Land the scene; return its box with a margin, in degrees."""
    assets = [
        word for band, (file, n) in case.files.items() for word in ("--asset", f"{band}={DATA / file}:{n}")
    ]
    words = ("--id", case.name, "--datetime", case.when, *assets, *case.options)
    run("land", "sentinel-2-l2a", *words, environment=environment)
    with rasterio.open(DATA / case.files["red"][0]) as file:
        west, south, east, north = rasterio.warp.transform_bounds(file.crs, "EPSG:4326", *file.bounds)
    return west - 0.01, south - 0.01, east + 0.01, north + 0.01


def reflectance(case: Case) -> NDArray[np.float32]:
    """Return the scene as rasterio reads it, (rows, columns, bands)."""
    planes = []
    for file, number in case.files.values():
        with rasterio.open(DATA / file) as raster:
            planes.append((raster.read(number) / 10000).astype(np.float32))
    return np.stack(planes, axis=-1)


def landed(store: Path, case: Case) -> NDArray[np.uint8]:
    """Return the classes that have landed."""
    (path,) = store.glob(f"collections/model-csmask-{case.level}/scenes/*/*/class.tif")
    with rasterio.open(path) as raster:
        found: NDArray[np.uint8] = raster.read(1)
    return found


def compare(case: Case, package: Path, folder: Path) -> dict[str, Any]:
    """Return how the classes of both compare."""
    from ukis_csmask.mask import CSmask

    store = folder / case.name
    models = folder / f"{case.name}-models"
    models.mkdir()
    describe(package, case, models)
    environment = {"TILEWATCH_STORAGE": store.as_uri(), "TILEWATCH_MODELS": str(models)}
    box = land(case, environment)
    run("models", "check", environment=environment)
    name = f"csmask-{case.level}"
    run("models", "run", name, "--bbox", ",".join(map(str, box)), environment=environment)
    ours, image = landed(store, case), reflectance(case)
    theirs = CSmask(image, band_order=list(BANDS), product_level=case.level, intra_op_num_threads=2).csm[
        ..., 0
    ]
    height, width = theirs.shape
    blended = Tiling(height, PATCH, OVERLAP).blended()[:, None] | Tiling(width, PATCH, OVERLAP).blended()
    valid = ours != 255
    differ = valid & (ours != theirs)
    return {
        "scene": case.name,
        "pixels": theirs.size,
        "without a value": int((~valid).sum()),
        "clear, cloud, shadow (%)": [round(100 * float((theirs == code).mean()), 2) for code in range(3)],
        "blended (%)": round(100 * float(blended.mean()), 2),
        "differ outside": int((differ & ~blended).sum()),
        "differ in blended": int((differ & blended).sum()),
    }


def main_of(wheel: Path) -> None:
    """Print a line for each scene."""
    with tempfile.TemporaryDirectory(prefix="tilewatch-proof-") as name:
        folder = Path(name)
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)
        sys.path.insert(0, name)
        for case in CASES:
            print(json.dumps(compare(case, folder / "ukis_csmask", folder)), flush=True)


if __name__ == "__main__":
    main_of(Path(sys.argv[1]))
