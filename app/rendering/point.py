"""Point: the value of a product at one place, or which kind of absence it is, in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np

from app.products.precision import as_written
from app.products.product import Product
from app.products.thresholds import last_up_to, least_from
from app.rendering.absence import Absences
from app.rendering.computing import Clock, compute_values, pixel_at
from app.rendering.resolving import SceneWindows
from app.rendering.values import Code, FilledWindow, ItemOf, Pixels
from mosaics.index import SceneRef
from mosaics.scene import Asset


class PointState(StrEnum):
    """Why a point has the value it has, or none."""

    OK = "ok"
    NODATA = "nodata"
    UNREADABLE = "unreadable"
    MASKED = "masked"
    OUTSIDE_ZONE = "outside_zone"
    OUTSIDE = "outside"


STATES = {
    Code.VALUE: PointState.OK,
    Code.NODATA: PointState.NODATA,
    Code.MASKED: PointState.MASKED,
    Code.OUTSIDE_ZONE: PointState.OUTSIDE_ZONE,
    Code.OUTSIDE: PointState.OUTSIDE,
}


@dataclass(frozen=True, slots=True)
class PointAnswer:
    """What is known of one place."""

    values: tuple[float, ...]
    """One value, or red, green and blue, all digits of them; empty unless the state is ok."""
    state: PointState
    reason: str | None
    """A sentence for a person where there is no value."""
    scenes: tuple[SceneRef, ...] = ()
    """The scene the value came from; where there is none, those that were looked at, best first."""
    unmasked: tuple[str, ...] = ()
    """Mask rules that could not be applied, the scene having no such band."""
    failed: tuple[Asset, ...] = field(default=())
    """Files that could not be read."""
    skipped: tuple[SceneRef, ...] = ()
    """Scenes that were left out for it; the value is then of another one."""
    roles: Mapping[str, tuple[PointState, tuple[SceneRef, ...]]] = field(default_factory=dict)
    """Of a product with roles, how each window stands here, and the scenes its values came from."""
    class_name: str | None = None
    """The class of the value, if the product has classes and it lies in one."""
    observations: int | None = None
    """How often the pixel was observed, if the product names the band that says it and the scene has it."""
    suspect: bool | None = None
    """Whether the value lies outside the plausible range, if the product states one."""


def point_value(
    product: Product,
    scenes: SceneWindows,
    lon: float,
    lat: float,
    item_of: ItemOf,
    *,
    pixel: Pixels | None = None,
) -> PointAnswer:
    """Return the value at a place, as a tile would show it, or why there is none.

    Args:
        product: What is asked.
        scenes: Those whose footprint holds the place, best first.
        lon: Longitude in degrees east.
        lat: Latitude in degrees north.
        item_of: Gives a scene's files.
        pixel: Where it is read; None reads the files at the place.

    Raises:
        MixedProcessingError: If scenes would be compared whose values are not made alike.
    """
    pixel = pixel or pixel_at(lon, lat)
    values = compute_values(product, scenes, pixel, item_of, Clock(), thorough=True)
    assert values.codes is not None  # noqa: S101 - they were asked for
    state = STATES[Code(values.codes.item())]
    if state is PointState.OUTSIDE_ZONE:
        reason = _sentence(values.zone_labels[0])
        return PointAnswer((), state, reason, failed=values.failed, skipped=values.skipped)
    has_value = state is PointState.OK
    asked_why = values.windows if product.roles or not has_value else ()
    absences, here = Absences(product, pixel, item_of), np.ones((1, 1), bool)
    standing = {
        window.scenes.role: WindowStanding(STATES[Code(absences.in_window(window, here).item())], window)
        for window in asked_why
    }
    if values.failed and state in {PointState.NODATA, PointState.OUTSIDE}:
        state = PointState.UNREADABLE
    used = tuple(scene for window in values.windows for scene in window.used)
    found = values.planes[:, 0, 0] if has_value else values.planes[:0, 0, 0]
    of_roles = standing if product.roles else {}
    entry = product.palette.entry_of(found[0]) if product.palette and has_value else None
    return PointAnswer(
        values=tuple(map(as_written, found)),
        state=state,
        class_name=entry.label if entry else None,
        suspect=_is_suspect(product, found[0]) if has_value else None,
        observations=_observations(product, scenes, pixel, item_of) if has_value else None,
        reason=None if has_value else _reason(product, state, standing, values.skipped),
        scenes=used if has_value or product.roles else scenes.best_first,
        unmasked=tuple(values.unmasked),
        failed=tuple(values.failed),
        skipped=tuple(values.skipped),
        roles={role: (each.state, each.window.used) for role, each in of_roles.items()},
    )


def _observations(product: Product, scenes: SceneWindows, pixel: Pixels, item_of: ItemOf) -> int | None:
    if product.observations is None:
        return None
    count = compute_values(product.observed, scenes, pixel, item_of, Clock()).planes[0, 0, 0]
    return None if np.isnan(count) else int(count)


def _is_suspect(product: Product, value: np.floating[Any]) -> bool | None:
    if product.plausible is None:
        return None
    low, high = product.plausible
    return not bool(least_from(low, value.dtype) <= value <= last_up_to(high, value.dtype))


@dataclass(frozen=True, slots=True)
class WindowStanding:
    """How one window stands at the place."""

    state: PointState
    window: FilledWindow


def _reason(
    product: Product, state: PointState, standing: Mapping[str, WindowStanding], skipped: Sequence[SceneRef]
) -> str:
    if state is PointState.UNREADABLE:
        names = ", ".join(dict.fromkeys(scene.id for scene in skipped[:3]))
        return f"Unreadable: files of {names} cannot be read."
    if product.roles:
        lacking = {role: each for role, each in standing.items() if each.state is not PointState.OK}
        reasons = [_window_reason(product.roles[role].title, each) for role, each in lacking.items()]
        no_result = "No data: the formula has no value for what the scenes show here."
        return " ".join(dict.fromkeys(reasons)) or no_result
    match state:
        case PointState.MASKED:
            labels = dict.fromkeys(standing[""].window.years[0].labels)
            return f"Masked: {'; '.join(labels)}."
        case PointState.NODATA:
            return "No data: the scenes here have no value at this place."
        case _:
            return "Outside coverage: no scene covers this place."


def _window_reason(title: str, standing: WindowStanding) -> str:
    match standing.state:
        case PointState.MASKED:
            lacking = [year for year in standing.window.years if not year.held.any()]
            labels = dict.fromkeys(label for year in lacking for label in year.labels[:1])
            return f"{title}: masked, {'; '.join(labels)}."
        case PointState.NODATA:
            return f"{title}: no data, the scenes have no value at this place."
        case _:
            return f"{title}: outside coverage, no scene covers this place."


def _sentence(label: str) -> str:
    return f"{label[:1].upper()}{label[1:]}."
