"""The JSON documents of the API, as the page and other clients read them."""

from typing import Any

from pydantic import BaseModel, Field

from app.products.product import Product
from app.products.role import Role
from mosaics.catalogue import Catalogue
from mosaics.period import Period

JSON = "application/json"


class Link(BaseModel):
    """A link to a related resource."""

    rel: str
    href: str
    type: str = JSON
    templated: bool | None = Field(default=None, exclude_if=lambda value: value is None)


class PeriodRange(BaseModel):
    """A summary of a product's periods."""

    count: int
    first: str | None
    last: str | None

    @classmethod
    def of(cls, periods: tuple[Period, ...]) -> "PeriodRange":
        """Return the range of ascending periods."""
        if not periods:
            return cls(count=0, first=None, last=None)
        return cls(count=len(periods), first=str(periods[0]), last=str(periods[-1]))


class ProductFacts(BaseModel):
    """What the list of products and a product's detail have in common."""

    id: str
    title: str
    description: str
    unit: str | None
    kind: str
    windows: list[str] = Field(
        description="Its time windows, the tested one first; empty for a product of one time."
    )
    collection: str
    cadence: str | None
    """None until a scene of the collection has landed, like the attribution."""
    attribution: str | None
    synthetic: bool
    links: list[Link]


class ProductSummary(ProductFacts):
    """A product in a list."""

    periods: PeriodRange


class ProductList(BaseModel):
    """All products."""

    products: list[ProductSummary]


class RoleFacts(BaseModel):
    """A time window of a product that compares dates."""

    title: str
    before: str | None = Field(
        description="The tested window that this one precedes; null for the tested window."
    )
    years: int
    minimum_years: int | None
    otherwise: str | None

    @classmethod
    def of(cls, role: Role) -> "RoleFacts":
        """Return the public facts of a role."""
        return cls.model_validate(role, from_attributes=True)


class ProductDetail(ProductFacts):
    """A product with its formula, rules and periods."""

    bbox: tuple[float, float, float, float] | None
    """Of the latest period: west, south, east, north in degrees."""
    minzoom: int | None
    maxzoom: int | None
    """WebMercatorQuad zooms for tiles of 256 pixels."""
    expression: str | None
    index: dict[str, Any] | None = Field(
        default=None,
        description="The published index it shows: name, title, formula, reference and expected range.",
        exclude_if=lambda value: value is None,
    )
    bands: list[str]
    mask: list[dict[str, Any]] = Field(
        description="The rules by which a pixel counts. A rule is not applied to scenes that lack its band; "
        "the answer for a point then lists it in `unmasked`."
    )
    classes: list[dict[str, Any]]
    references: list[str]
    roles: dict[str, RoleFacts] = Field(
        description="Time windows, each with a query parameter; empty for a product of one time."
    )
    offset: float | None = Field(description="Subtracted from every value unless offset= is given.")
    parameters: dict[str, dict[str, Any]] = Field(
        description="What a request may change of the mask, as in cloud_max=0.3: title, range, unit, default."
    )
    plausible: tuple[float, float] | None = Field(description="Values outside this range are suspect.")
    counted: list[dict[str, Any]] = Field(description="Conditions whose area the statistics report.")
    lit_above: list[float] = Field(
        description="Thresholds, in the unit of the values, above which the statistics report a lit area."
    )
    lit_changes_above: list[float] = Field(
        description="Thresholds, in the unit of the values, at which statistics report what is newly lit."
    )
    source: str | None = Field(
        description="The source that feeds of an area ask; null where no archive is known, or it has ended."
    )
    periods: list[str]


class TileJson(BaseModel):
    """TileJSON 3.0.0, with what a layer needs to explain itself."""

    tilejson: str = "3.0.0"
    name: str
    description: str
    version: str = "1.0.0"
    attribution: str
    scheme: str = "xyz"
    tiles: list[str]
    minzoom: int
    maxzoom: int
    bounds: tuple[float, float, float, float]
    center: tuple[float, float, int]
    tilesize: int
    tile_size: int = Field(
        serialization_alias="tileSize", description="The same, under the name that MapLibre reads."
    )
    period: str
    periods: list[str] = Field(
        description="The newest hundred that can be shown, oldest first; `/products/{product}` lists all, "
        "`/products/{product}/times` page by page."
    )
    period_range: PeriodRange = Field(description="How many there are, the oldest and the newest.")
    legend: dict[str, Any]
    synthetic: bool
    near_real_time: bool | None = Field(
        default=None,
        description="True where a scene stands in for one of the standard product that is not there yet.",
        exclude_if=lambda value: value is None,
    )
    windows: dict[str, dict[str, Any]] | None = Field(
        default=None,
        description="The windows compared, for products with windows: title, period, start, end, periods and "
        "how.",
        exclude_if=lambda value: value is None,
    )
    offset: float | None = Field(default=None, exclude_if=lambda value: value is None)
    parameters: dict[str, float] | None = Field(default=None, exclude_if=lambda value: value is None)


class PeriodCoverage(BaseModel):
    """One period over a box."""

    period: str
    coverage: float
    """Share of the box inside the footprints of the period's scenes, 0..1."""
    scenes: int


class Times(BaseModel):
    """The periods of a product over a box, oldest first."""

    product: str
    cadence: str
    bbox: tuple[float, float, float, float]
    times: list[PeriodCoverage]
    links: list[Link]


class PointValue(BaseModel):
    """The value of a product at one place, or why there is none."""

    lon: float
    lat: float
    value: float | None
    values: list[float | None] | None = Field(default=None, exclude_if=lambda value: value is None)
    """Red, green and blue of a product that is a picture."""
    state: str
    reason: str | None
    unit: str | None
    period: str | None
    class_name: str | None = Field(serialization_alias="class")
    scenes: list[str]
    unmasked: list[str] | None = Field(
        default=None,
        description="Labels of mask rules that were not applied because the scene lacks their band.",
        exclude_if=lambda value: not value,
    )
    synthetic: bool
    near_real_time: bool | None = Field(
        default=None,
        description="True where a scene stands in for one of the standard product that is not there yet.",
        exclude_if=lambda value: value is None,
    )
    windows: dict[str, dict[str, Any]] | None = Field(
        default=None,
        description="The windows compared, for products with windows; with each one's state and scenes at "
        "this place.",
        exclude_if=lambda value: value is None,
    )
    offset: float | None = Field(default=None, exclude_if=lambda value: value is None)
    parameters: dict[str, float] | None = Field(default=None, exclude_if=lambda value: value is None)
    suspect: bool | None = Field(
        default=None,
        description="Whether the value is outside the plausible range, for products that state one.",
        exclude_if=lambda value: value is None,
    )
    n_obs: int | None = Field(
        default=None,
        description="How often the pixel was observed, for products that know it.",
        exclude_if=lambda value: value is None,
    )


def product_facts(product: Product, catalogue: Catalogue) -> dict[str, Any]:
    """Return the fields of `ProductFacts` except the links."""
    collection = catalogue.collections().get(product.collection)
    return {
        "id": product.id,
        "title": product.title,
        "description": product.description,
        "unit": product.unit,
        "kind": product.kind,
        "windows": [role for role in product.role_bands if role],
        "collection": product.collection,
        "cadence": collection.cadence if collection else None,
        "attribution": collection.attribution if collection else None,
        "synthetic": collection is not None and catalogue.is_synthetic(product.collection),
    }
