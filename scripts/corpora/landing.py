"""Landing: every scene of the corpus by the command line, in the same order each time."""

import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.corpora.checkout import Checkout
from scripts.corpora.drawing import draw_all


@dataclass(frozen=True, slots=True)
class Scene:
    """What `tilewatch land` is told."""

    collection: str
    id: str
    when: str
    assets: Mapping[str, str]
    """File, with the number of the band where it has several, by band."""
    options: tuple[str, ...] = ()

    @property
    def arguments(self) -> list[str]:
        """Of the command."""
        given = [part for band, file in self.assets.items() for part in ("--asset", f"{band}={file}")]
        return ["land", self.collection, "--id", self.id, "--datetime", self.when, *given, *self.options]


def land_all(checkout: Checkout, store: Path, drawn: Path, real: Path | None) -> None:
    """Land demo, made-up and real scenes, and composites of some of them.

    Args:
        checkout: Whose command line does it.
        store: Where they go.
        drawn: A folder the made-up rasters are drawn in.
        real: The folder of real scenes; None where it is absent.
    """
    draw_all(drawn)
    commands = [["demo"]]
    commands += [scene.arguments for scene in made_scenes(drawn)]
    commands += [scene.arguments for scene in real_scenes(real)] if real else []
    commands += composites()
    for arguments in commands:
        done = checkout.run(*arguments, "--storage", str(store))
        if done.returncode != 0:
            raise subprocess.CalledProcessError(done.returncode, arguments, done.stdout, done.stderr)


def composites() -> list[list[str]]:
    """A month of the demo, and one of the made-up Landsat scenes."""
    return [
        ["composite", "sentinel-2-l2a", "--bbox=-99.06,40.46,-98.94,40.54", "--datetime", "2024-06",
         "--bands", "red,green,blue,nir"],
        ["composite", "landsat-c2-l2", "--bbox=-99.02,39.70,-98.94,39.76", "--datetime", "2023-06",
         "--bands", "red,green,blue,nir08"],
    ]  # fmt: skip


def made_scenes(drawn: Path) -> Iterator[Scene]:
    """Five Julys, nine scenes of a month that need overviews, the antimeridian, Landsat, fire zones."""

    def sentinel(name: str, when: str, *options: str) -> Scene:
        assets = {band: f"{drawn}/{name}-{band}.tif" for band in ("red", "nir", "scl")}
        return Scene("sentinel-2-l2a", f"made-{name}", when, assets, options)

    for year in range(2020, 2025):
        yield sentinel(f"july-{year}", f"{year}-07-12T10:00:31Z", "--baseline", "05.10")
    for number in range(9):
        name = f"crowd-{number // 3}{number % 3}"
        clouds = ("--cloud-cover", str(5 * (number % 4)))
        yield sentinel(name, f"2022-05-{10 + number}T10:20:31Z", "--baseline", "05.09", *clouds)
    yield sentinel("dateline", "2023-03-05T22:10:31Z", "--baseline", "05.09")
    landsat = ("blue", "green", "red", "nir08", "swir22", "qa_pixel")
    for day, name in enumerate(("2023-06-a", "2023-06-b", "2023-06-c", "2024-06"), start=8):
        assets = {band: f"{drawn}/landsat-{name}-{band}.tif" for band in landsat}
        yield Scene("landsat-c2-l2", f"made-{name}", f"{name[:7]}-{day:02}T17:10:00Z", assets)
    yield Scene("fire-zones", "made-zones", "2024", {"zone": f"{drawn}/zones.tif"})


def real_scenes(real: Path) -> Iterator[Scene]:
    """Those of ../shared/data, told as its PROVENANCE.md describes them."""
    mol = {"blue": "B02", "green": "B03", "red": "B04", "nir": "B08", "nir08": "B8A", "swir16": "B11",
           "nir09": "B09"}  # fmt: skip
    files = {band: f"{real}/ndvi_sentinel2_mol_be/ref_input_S2_{file}.tif" for band, file in mol.items()}
    yield Scene("sentinel-2-l2a", "mol", "2019-04-11T10:50:29Z", files)
    for path_row in ("224077", "224078"):
        file = f"{real}/mosaic_landsat8_224077_224078/LC08_L1TP_{path_row}_20200518_B4B3B2_crop_cog.tif"
        yield Scene("landsat-c2-l2", path_row, "2020-05-18T13:30:00Z", _stacked(file, "red", "green", "blue"))
    for year in (2013, 2015, 2017, 2019, 2021):
        file = f"{real}/nightlights_shanghai_annual/NTL_Shanghai_NPP-VIIRS_2013_2022_{year}.tif"
        yield Scene("black-marble-yearly", f"shanghai-{year}", str(year), {"radiance": file})
    pune = f"{real}/nightlights_pune/pune_viirs_dnb_2025_12.tif"
    yield Scene("black-marble-monthly", "pune", "2025-12", {"radiance": pune})
    column = f"{real}/tempo_no2/tempo_vcd_troposphere_utm11_clipped.tif"
    yield Scene("tempo-no2", "los-angeles", "2025-01-09T18:45:00Z", {"no2": column})
    fires = {"5-4_POTTERS__20200817": ("2020-07", "2020-09"), "5_INCIDENT_20240715": ("2024-06", "2024-08")}
    for fire, months in fires.items():
        for role, month in zip(("pre", "post"), months, strict=True):
            file = f"{real}/dnbr_sentinel2_california/{fire}_{role}.tif"
            bands = _stacked(file, "blue", "green", "red", "nir08", "swir22")
            # Their numbers are reflectance * 10000, without an offset.
            yield Scene("sentinel-2-l2a", f"{fire}-{role}", f"{month}-10T18:30:00Z", bands, ("--offset", "0"))
    for day in ("20120731", "20150926", "20180716"):
        file = f"{real}/naip_north_dakota/m_4709963_se_14_1_{day}.tif"
        when = f"{day[:4]}-{day[4:6]}-{day[6:]}T00:00:00Z"
        yield Scene("naip", f"naip-{day}", when, _stacked(file, "red", "green", "blue", "nir"))


def _stacked(file: str, *bands: str) -> dict[str, str]:
    """Bands that lie in one file, in its order."""
    return {band: f"{file}:{number}" for number, band in enumerate(bands, start=1)}
