"""A collection: scenes with the same bands from one archive, kept as a STAC Collection."""

import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, field_validator, model_validator

from mosaics.period import Cadence
from mosaics.seals import unsealed

STAC_VERSION = "1.1.0"
STAC_EXTENSIONS = (
    "https://stac-extensions.github.io/eo/v2.0.0/schema.json",
    "https://stac-extensions.github.io/raster/v2.0.0/schema.json",
    "https://stac-extensions.github.io/classification/v2.0.0/schema.json",
)
NAME = r"^[a-z0-9][a-z0-9_-]{0,63}$"
Color = Annotated[str, Field(pattern=r"^#[0-9a-f]{6}$")]


class UnknownCollectionError(LookupError):
    """No collection of that id; the message names those that exist."""

    def __init__(self, collection_id: str, existing: Iterable[str]) -> None:
        super().__init__(_unknown("collection", collection_id, sorted(existing)))


class UnreadableCollectionError(Exception):
    """What storage says of a collection is damaged; the message says what, and what mends it."""

    def __init__(self, collection_id: str, reason: str) -> None:
        super().__init__(
            f"collection {collection_id!r} cannot be read: {reason}; `tilewatch repair {collection_id}` "
            "rebuilds what can be"
        )


class UnknownBandError(LookupError):
    """No band of that name in the collection; the message names those it has."""

    def __init__(self, band: str, collection_id: str, existing: Iterable[str]) -> None:
        super().__init__(_unknown("band", band, existing, f" in collection {collection_id!r}"))


class Category(BaseModel):
    """What one number of a categorical band means."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str | None = None
    color: Color | None = None


class Band(BaseModel):
    """What one band of every scene of a collection means."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")
    """The common name: red, nir, nir08, swir22, scl."""
    title: str
    description: str = ""
    unit: str = "1"
    """Unit of the physical value; ``1`` for reflectance and other ratios."""
    dtype: str
    """Type of the stored numbers, as numpy writes it."""
    scale: float = 1.0
    """Physical value = stored number x scale + offset."""
    offset: float = 0.0
    nodata: int | float | None = None
    """Stored number that marks a missing value; None where nothing does."""
    categorical: bool = False
    """Whether the numbers are names, which are never averaged between pixels."""
    gsd_m: float | None = Field(default=None, gt=0)
    """Ground sample distance in metres."""
    wavelength_um: float | None = Field(default=None, gt=0)
    """Centre wavelength in micrometres."""
    values: Mapping[int, str] = {}
    """Names of the numbers of a categorical band."""
    colors: Mapping[int, Color] = {}
    """Colours of the numbers of a categorical band, #rrggbb in small letters."""
    landed: Mapping[int, Category] = {}
    """What files that landed say of the numbers, by colour table and names of categories."""

    @field_validator("nodata", mode="before")
    @classmethod
    def _read_nodata(cls, value: object) -> object:
        return read_nodata(value) if isinstance(value, int | float | str) else value

    @field_validator("dtype")
    @classmethod
    def _known_dtype(cls, value: str) -> str:
        if value not in DATA_TYPES:
            raise ValueError(f"{value!r} is not a type of numbers; there are: {', '.join(DATA_TYPES)}")
        return value

    @model_validator(mode="after")
    def _classes_are_categorical(self) -> "Band":
        if (self.values or self.colors or self.landed) and not self.categorical:
            raise ValueError(f"band {self.name!r} names its values, so it must be categorical = true")
        return self

    @property
    def categories(self) -> Mapping[int, Category]:
        """What its numbers mean: as the collection says, else as files do."""
        found = dict(self.landed)
        for code in self.values.keys() | self.colors.keys():
            of_file = found.get(code, Category())
            found[code] = Category(
                name=self.values.get(code, of_file.name), color=self.colors.get(code, of_file.color)
            )
        return dict(sorted(found.items()))


class Ended(BaseModel):
    """Since when the archive of a collection gives nothing new."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    on: date
    note: str = Field(min_length=1)
    """A sentence for people: what ended, and what goes on in its place."""

    @property
    def moment(self) -> datetime:
        """The beginning of that day, UTC."""
        return datetime.combine(self.on, time(), UTC)


class IndexMapping(BaseModel):
    """What published indices mean here, where names of bands and usual constants do not tell."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bands: Mapping[str, str] = {}
    """Names of bands by the letters that formulas have for them: N, R, S1."""
    constants: Mapping[str, float] = {}
    """Numbers by the names that formulas have for them: L, lambdaN."""


class Provider(BaseModel):
    """Who made, processes or hosts the scenes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    roles: tuple[Annotated[str, Field(pattern="^(licensor|producer|processor|host)$")], ...] = ()
    url: str | None = None


class Collection(BaseModel):
    """Scenes with the same bands from one archive."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=NAME)
    title: str
    description: str
    cadence: Annotated[Cadence, PlainSerializer(str)]
    """How long one mosaic lasts."""
    license: str
    """SPDX identifier, or ``other``."""
    attribution: str
    """The line a map shows for the data."""
    providers: tuple[Provider, ...] = ()
    bands: tuple[Band, ...] = Field(min_length=1)
    references: tuple[str, ...] = ()
    """Guides and papers the facts of the bands come from."""
    ended: Ended | None = None
    """None where the archive goes on."""
    indices: IndexMapping = IndexMapping()

    def note_until(self, end: datetime) -> str | None:
        """Return what is to be said of a time that ends then, if the archive had ended before."""
        return None if self.ended is None or end <= self.ended.moment else self.ended.note

    @field_validator("bands")
    @classmethod
    def _one_band_a_name(cls, bands: tuple[Band, ...]) -> tuple[Band, ...]:
        names = [band.name for band in bands]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"band names stand for one band each; given twice: {', '.join(twice)}")
        return bands

    @model_validator(mode="after")
    def _indices_name_bands(self) -> "Collection":
        if strange := set(self.indices.bands.values()) - set(self.band_names):
            raise ValueError(
                f"indices.bands names {min(strange)!r}, which is not a band of the collection; there are: "
                + ", ".join(self.band_names)
            )
        return self

    @property
    def band_names(self) -> tuple[str, ...]:
        """Names of the bands in the order they are declared."""
        return tuple(band.name for band in self.bands)

    def band(self, name: str) -> Band:
        """Return the band of that name.

        Raises:
            UnknownBandError: If the collection has none; the message names those it has.
        """
        for band in self.bands:
            if band.name == name:
                return band
        raise UnknownBandError(name, self.id, self.band_names)

    def with_landed(self, categories: Mapping[str, Mapping[int, Category]]) -> "Collection":
        """Return the collection with what files say of the numbers of its categorical bands.

        Args:
            categories: By band and number; they replace what earlier files said of a number.
        """
        if not any(categories.values()):
            return self
        bands = tuple(
            band.model_copy(update={"landed": {**band.landed, **categories[band.name]}})
            if band.categorical and categories.get(band.name)
            else band
            for band in self.bands
        )
        return self.model_copy(update={"bands": bands})

    def to_stac(self) -> dict[str, Any]:
        """Return the collection as a STAC Collection, the form it has in storage."""
        return {
            "type": "Collection",
            "stac_version": STAC_VERSION,
            "stac_extensions": list(STAC_EXTENSIONS),
            "id": self.id,
            "title": self.title,
            "description": self.description,
            "license": self.license,
            "providers": [p.model_dump(mode="json", exclude_none=True) for p in self.providers],
            "extent": {
                "spatial": {"bbox": [[-180.0, -90.0, 180.0, 90.0]]},
                "temporal": {"interval": [[None, None]]},
            },
            "links": [],
            "item_assets": {band.name: _asset_of(band) for band in self.bands},
            "tilewatch:cadence": str(self.cadence),
            "tilewatch:attribution": self.attribution,
            "tilewatch:references": list(self.references),
            **({} if self.ended is None else {"tilewatch:ended": self.ended.model_dump(mode="json")}),
            **({} if self.indices == IndexMapping() else {"tilewatch:indices": self.indices.model_dump()}),
        }

    @classmethod
    def from_stac(cls, document: Mapping[str, Any]) -> "Collection":
        """Read what `to_stac` wrote.

        Raises:
            ValueError: If the document lacks something or has it wrong; pydantic names the field.
        """
        return cls.model_validate(
            {
                "id": document.get("id"),
                "title": document.get("title", document.get("id")),
                "description": document.get("description", ""),
                "cadence": document.get("tilewatch:cadence"),
                "license": document.get("license", "other"),
                "attribution": document.get("tilewatch:attribution", ""),
                "providers": [
                    {key: provider[key] for key in ("name", "roles", "url") if key in provider}
                    for provider in document.get("providers", ())
                ],
                "bands": [_band_of(name, asset) for name, asset in document.get("item_assets", {}).items()],
                "references": document.get("tilewatch:references", ()),
                "ended": document.get("tilewatch:ended"),
                "indices": document.get("tilewatch:indices", {}),
            }
        )


def read_collection(data: bytes, collection_id: str) -> Collection:
    """Read a collection's collection.json.

    Raises:
        ValueError: If it is damaged, or describes another collection; the message is one line.
    """
    try:
        collection = Collection.from_stac(unsealed(data))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(str(error).splitlines()[0][:100]) from error
    if collection.id != collection_id:
        raise ValueError(f"the folder {collection_id!r} describes collection {collection.id!r}")
    return collection


DATA_TYPES = (
    *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float32", "float64"),
)


def read_nodata(value: float | str) -> float:
    """Return a nodata value as STAC writes it: a number, or ``nan``, ``inf``, ``-inf`` as text.

    A whole number that float64 does not hold stays a whole number.
    """
    if isinstance(value, str) and re.fullmatch(r"[+-]?[0-9]+", value.strip()):
        value = int(value)
    return value if isinstance(value, int) and abs(value) > 2**53 else float(value)


def written_nodata(value: float) -> float | str:
    """Return a nodata value in STAC's form; the inverse of `read_nodata`."""
    return value if math.isfinite(value) else str(value)


def _asset_of(band: Band) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "name": band.name,
        "description": band.description or band.title,
        "data_type": band.dtype,
        "unit": band.unit,
        "raster:scale": band.scale,
        "raster:offset": band.offset,
    }
    if band.nodata is not None:
        facts["nodata"] = written_nodata(band.nodata)
    if band.gsd_m is not None:
        facts["gsd"] = band.gsd_m
    if band.wavelength_um is not None:
        facts["eo:center_wavelength"] = band.wavelength_um
    if band.categories:
        facts["classification:classes"] = [
            _class_of(band, value, category) for value, category in band.categories.items()
        ]
    return {
        "type": "image/tiff; application=geotiff; profile=cloud-optimized",
        "title": band.title,
        "description": band.description or band.title,
        "roles": ["data"],
        "bands": [facts],
        "tilewatch:categorical": band.categorical,
    }


def _class_of(band: Band, value: int, category: Category) -> dict[str, Any]:
    """Return a class as the classification extension (2.0.0) has it, and what of it a file said."""
    title = category.name or str(value)
    found: dict[str, Any] = {
        "value": value,
        "name": f"class_{value}",
        "title": title,
        "description": title,
    }
    if category.color is not None:
        found["color_hint"] = category.color[1:].upper()
    if value in band.landed:
        found["tilewatch:landed"] = band.landed[value].model_dump(exclude_none=True)
        declared = {"name": band.values.get(value), "color": band.colors.get(value)}
        if any(declared.values()):
            found["tilewatch:declared"] = {key: said for key, said in declared.items() if said}
    return found


def _declared(row: Mapping[str, Any]) -> Mapping[str, str]:
    """Return what the collection itself says of a class: its name, its colour."""
    if "tilewatch:landed" in row:
        declared: Mapping[str, str] = row.get("tilewatch:declared", {})
        return declared
    color = row.get("color_hint")
    named = {} if row["title"] == str(row["value"]) and color else {"name": row["title"]}
    return named | ({"color": f"#{color.lower()}"} if color else {})


def _band_of(name: str, asset: Mapping[str, Any]) -> dict[str, Any]:
    facts = (asset.get("bands") or [{}])[0]
    title = asset.get("title", name)
    description = asset.get("description", "")
    rows = facts.get("classification:classes", ())
    return {
        "name": name,
        "title": title,
        "description": "" if description == title else description,
        "unit": facts.get("unit", "1"),
        "dtype": facts.get("data_type"),
        "scale": facts.get("raster:scale", 1.0),
        "offset": facts.get("raster:offset", 0.0),
        "nodata": facts.get("nodata"),
        "categorical": asset.get("tilewatch:categorical", False),
        "gsd_m": facts.get("gsd"),
        "wavelength_um": facts.get("eo:center_wavelength"),
        "values": {row["value"]: said["name"] for row in rows if "name" in (said := _declared(row))},
        "colors": {row["value"]: said["color"] for row in rows if "color" in (said := _declared(row))},
        "landed": {row["value"]: landed for row in rows if (landed := row.get("tilewatch:landed"))},
    }


def _unknown(kind: str, name: str, existing: Iterable[str], where: str = "") -> str:
    names = ", ".join(existing)
    return f"no {kind} {name[:80]!r}{where}; " + (f"there are: {names}" if names else "there are none yet")
