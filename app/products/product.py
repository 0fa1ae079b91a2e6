"""A product: a formula over bands, or three bands, with mask, unit, classes and colours."""

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, Field, ValidationInfo, field_validator, model_validator

from app.products.classes import (
    MAX_VALUE,
    OTHER,
    OTHER_COLOR,
    VALUE,
    ClassRow,
    Code,
    ValueRow,
    check_ranges,
    check_values,
    refuse,
)
from app.products.comparisons import Comparisons
from app.products.expression import Expression, ExpressionError, Years, compile_expression
from app.products.mask import MaskRule
from app.products.palette import COLORS, LegendEntry, Palette, hex_color
from app.products.role import ROLES, Absences, Counted, Role
from colormaps import Colormap, UnknownColormapError, load_colormap

__all__ = ["MaskRule", "Product", "ProductFileError", "Role"]


class ProductFileError(ValueError):
    """A file does not describe a product; the message names file and field, and what would be right."""


class Product(BaseModel):
    """What a tile shows and a statistic counts."""

    model_config = VALUE

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")
    """Small letters, digits, hyphens and underscores; the name of its file."""
    title: str = Field(min_length=1)
    """A short name for people."""
    description: str = ""
    """What it shows and what it does not."""
    collection: str = Field(min_length=1)
    """The id of the collection whose bands it reads."""
    roles: Mapping[str, Role] = {}
    """Time windows to name in the expression; none means one window without a name."""
    expression: str | None = None
    """The formula over bands in their units."""
    rgb_bands: tuple[str, ...] = Field(default=(), alias="bands")
    """In place of an expression: three bands, shown as red, green and blue."""
    unit: str | None = None
    """Unit of the values; "1" for a ratio."""
    rescale: tuple[tuple[float, float], ...] = ()
    """[low, high], the values of the first and the last colour; with bands one such pair, or three."""
    colormap: str | None = None
    """The colours from low to high, or of classes that have none of their own."""
    mask: tuple[MaskRule, ...] = ()
    """A pixel counts only where every rule keeps it."""
    classes: tuple[ClassRow, ...] = Field(default=(), max_length=COLORS)
    """Named ranges of values from the lowest up; each begins where the one before it ends."""
    values: Mapping[Code, ValueRow] = Field(default={}, max_length=COLORS)
    """Named single values in place of ranges; `other` is what all values are that it does not name."""
    references: tuple[str, ...] = ()
    """Papers and guides the formula, classes and mask come from."""
    lit_above: float | None = Field(default=None, allow_inf_nan=False)
    """Statistics give the area whose value is above this, in the unit."""
    offset: float | None = Field(default=None, ge=-MAX_VALUE, le=MAX_VALUE)
    """Subtracted from every value, before classes; requests may give another. Left out, there is none."""
    plausible: tuple[float, float] | None = None
    """[low, high], beyond which a value is suspect: statistics give the area of such, and points say so."""
    counted: tuple[Counted, ...] = ()
    """Conditions whose area statistics give, of a product that compares dates."""
    absences: Absences = Absences()
    """Colours of pixels that are masked or outside the zone."""

    @field_validator("rescale", mode="before")
    @classmethod
    def _wrap_one_pair(cls, rescale: Any) -> Any:
        alone = (
            isinstance(rescale, list | tuple) and bool(rescale) and not isinstance(rescale[0], list | tuple)
        )
        return (rescale,) if alone else rescale

    @field_validator("rescale")
    @classmethod
    def _check_stretches(
        cls, rescale: tuple[tuple[float, float], ...], info: ValidationInfo
    ) -> tuple[tuple[float, float], ...]:
        for low, high in rescale:
            if not (abs(low) <= MAX_VALUE and abs(high) <= MAX_VALUE):
                raise ValueError(
                    f"numbers from {-MAX_VALUE:g} to {MAX_VALUE:g} work; these are {low:g} and {high:g}"
                )
            if not low < high:
                raise ValueError(f"low stands below high; these are {low:g} and {high:g}")
            if high - low < 1 / MAX_VALUE or np.float32(low) == np.float32(high):
                raise ValueError(
                    f"low and high are too close to tell apart in float32; these are {low:g} and {high:g}"
                )
        return rescale * 3 if len(rescale) == 1 and info.data.get("rgb_bands") else rescale

    @model_validator(mode="after")
    def _check(self) -> "Product":
        if (self.expression is None) == (not self.rgb_bands):
            refuse(
                "expression",
                "a product has either an expression or bands, three of them; give one of the two",
            )
        if self.rgb_bands:
            self._check_rgb()
        else:
            self._check_formula()
            self._check_colors()
        if self.lit_above is not None and not (self.unit and self.expression):
            refuse("lit_above", "a lit area needs values of an expression and their unit")
        self._check_counted()
        self._check_absences()
        if self.plausible is not None and not self.plausible[0] < self.plausible[1]:
            refuse("plausible", "low stands below high; these are {:g} and {:g}".format(*self.plausible))
        return self

    def _check_rgb(self) -> None:
        if len(self.rgb_bands) != 3:
            refuse(
                "bands", f"there are three bands, for red, green and blue; these are {len(self.rgb_bands)}"
            )
        if len(self.rescale) != 3:
            refuse(
                "rescale", "bands need the values of black and full colour: [low, high], or three such pairs"
            )
        for field in ("classes", "values", "colormap", "roles", "counted", "offset", "plausible"):
            if getattr(self, field) not in (None, (), {}):
                refuse(
                    field, "this belongs to an expression; the colours of a product with bands are the bands"
                )

    def _check_formula(self) -> None:
        try:
            bands = self._compiled.bands
        except ExpressionError as error:
            refuse("expression", str(error))
        used = {name.partition(".")[0] for name in bands}
        for name in self.roles:
            if name not in used:
                refuse(
                    f"roles.{name}", f"the expression does not name it; write {name}.band there, or remove it"
                )
            if name not in ROLES:
                refuse(f"roles.{name}", f"roles are called {', '.join(ROLES)}")
        tested = [name for name, role in self.roles.items() if role.before is None]
        if self.roles and len(tested) != 1:
            refuse(
                "roles",
                "one role is the tested one and the others say which they come before, as in "
                f'before = "post"; without before there are: {", ".join(tested) or "none"}',
            )
        for name, role in self.roles.items():
            if role.before not in (None, *tested):
                refuse(f"roles.{name}.before", f"the tested role is {tested[0]!r}, not {role.before!r}")

    def _check_counted(self) -> None:
        if self.counted and not self.roles:
            refuse("counted", "this belongs to a product with roles")
        for i, formula in enumerate(self._conditions()):
            if not set(formula.bands) <= set(self._compiled.bands):
                there_are = ", ".join(self._compiled.bands)
                refuse(
                    f"counted[{i}].where",
                    f"it names bands that the expression does not; there are: {there_are}",
                )

    def _conditions(self) -> tuple[Expression, ...]:
        found = []
        for i, row in enumerate(self.counted):
            try:
                found.append(compile_expression(row.where, roles=tuple(self.roles), years=self._years))
            except ExpressionError as error:
                refuse(f"counted[{i}].where", str(error))
        return tuple(found)

    def _check_absences(self) -> None:
        if self.absences.masked and not (self.roles and self.scene_rules):
            refuse("absences.masked", "this belongs to a product with roles and mask rules")
        if self.absences.outside_zone and not self.zone_rules:
            refuse("absences.outside_zone", "this belongs to a product with a mask collection")

    def _check_colors(self) -> None:
        drawn = [name for name in ("classes", "values", "rescale") if getattr(self, name)]
        if len(drawn) > 1 or not (drawn or self.takes_values):
            refuse(
                "classes",
                "an expression is drawn by either classes or rescale with a colormap, or by values; "
                "give one of them (a band alone may have none: its classes are then those of its collection)",
            )
        if len(self.rescale) > 1:
            refuse("rescale", f"an expression has one pair, [low, high]; these are {len(self.rescale)}")
        rows = self.classes or [row for value, row in self.values.items() if value != OTHER]
        colored = sum(row.color is not None for row in rows)
        if 0 < colored < len(rows):
            refuse(drawn[0], "either every class has a color, or none has and the product names a colormap")
        if not self.takes_values and (self.colormap is None) == (not colored):
            refuse(
                "colormap",
                "rescale and classes without a color need a colormap; classes with a color need none",
            )
        check_values(self.values)
        if self.values and len(self.codes) + 1 + len(self.absences.model_dump(exclude_none=True)) > COLORS:
            refuse("values", f"a palette has {COLORS} colours; there are more values than that")
        try:
            _ = self._stops
        except UnknownColormapError as error:
            refuse("colormap", str(error))
        check_ranges(self.classes)

    @cached_property
    def _compiled(self) -> Expression:
        return compile_expression(self.expression or "", roles=tuple(self.roles), years=self._years)

    @property
    def _years(self) -> dict[str, Years]:
        return {
            name: Years(role.years, role.minimum_years)
            for name, role in self.roles.items()
            if role.minimum_years is not None
        }

    @cached_property
    def _stops(self) -> Colormap | None:
        return load_colormap(self.colormap) if self.colormap else None

    @cached_property
    def kind(self) -> Literal["classes", "continuous", "rgb"]:
        """How values become colours."""
        return "rgb" if self.rgb_bands else "continuous" if self.rescale else "classes"

    @cached_property
    def takes_values(self) -> bool:
        """Whether its classes are those of the band it shows, as its collection or landed files name them."""
        return (
            self.expression is not None
            and self._compiled.is_band
            and not (self.classes or self.values or self.rescale or self.colormap)
        )

    @property
    def codes(self) -> Mapping[int, ValueRow]:
        """Its named single values."""
        return {value: row for value, row in self.values.items() if isinstance(value, int)}

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        """What its classes are called, in order; none where it has no classes."""
        if self.kind != "classes" or self.palette is None:
            return ()
        return tuple(entry.label for entry in self.palette.entries)

    @cached_property
    def takes_codes(self) -> bool:
        """Whether its classes are of single values."""
        return self.kind == "classes" and not self.classes

    @property
    def planes(self) -> int:
        """Values a pixel: three for red, green and blue, else one."""
        return 3 if self.rgb_bands else 1

    @cached_property
    def formula(self) -> Expression | None:
        """The compiled expression; None where three bands are shown."""
        return None if self.expression is None else self._compiled

    @cached_property
    def bands(self) -> tuple[str, ...]:
        """Every band to be read for values, once, without its role."""
        named = self.rgb_bands or self._compiled.bands
        return tuple(dict.fromkeys(name.rpartition(".")[2] for name in named))

    @cached_property
    def role_bands(self) -> Mapping[str, tuple[str, ...]]:
        """The bands of each role, the tested one first; a product without roles has one, of no name."""
        if not self.roles:
            return {"": self.bands}
        named = [name.split(".") for name in self._compiled.bands]
        return {
            role: tuple(band for of, band in named if of == role)
            for role in sorted(self.roles, key=lambda name: self.roles[name].before is not None)
        }

    @property
    def tested_role(self) -> str:
        """The role whose time is asked for; empty where there are no roles."""
        return next(iter(self.role_bands))

    @cached_property
    def conditions(self) -> Mapping[str, Expression]:
        """The compiled conditions whose area is counted, by name."""
        return dict(zip((row.name for row in self.counted), self._conditions(), strict=True))

    @cached_property
    def scene_rules(self) -> tuple[MaskRule, ...]:
        """Mask rules on bands of the scenes themselves."""
        return tuple(rule for rule in self.mask if rule.collection is None)

    @cached_property
    def zone_rules(self) -> Mapping[str, MaskRule]:
        """Mask rules on mask collections, by collection."""
        return {rule.collection: rule for rule in self.mask if rule.collection is not None}

    @cached_property
    def mask_bands(self) -> tuple[str, ...]:
        """Every band of the scenes to be read for the mask, once."""
        return tuple(dict.fromkeys(rule.band for rule in self.scene_rules))

    @cached_property
    def reads_windows(self) -> bool:
        """Whether other scenes decide about its pixels than those of one time alone."""
        return bool(self.roles or self.zone_rules)

    @cached_property
    def is_scale_free(self) -> bool:
        """Whether its values and conditions are the same for bands all multiplied by one positive number."""
        formulas = () if self.formula is None else (self.formula, *self.conditions.values())
        return bool(formulas) and all(formula.is_scale_free for formula in formulas)

    @cached_property
    def comparisons(self) -> Comparisons:
        """The numbers that its bands and values are compared with."""
        if self.formula is None:
            return Comparisons()
        edges = (edge for row in self.classes for edge in (row.lower, row.upper))
        thresholds = (*edges, self.lit_above, *(self.plausible or ()), *map(float, self.codes))
        formulas = (self.formula, *self.conditions.values())
        shows_band = self.formula.is_band and self.offset is None
        return Comparisons.of(formulas, thresholds, shows_band=shows_band)

    @cached_property
    def palette(self) -> Palette | None:
        """The colours of its values; None where three bands are shown."""
        if self.rgb_bands:
            return None
        if self.classes:
            return Palette.of_classes(self._class_entries(), self._absent_entries())
        if not self.rescale:
            other = self.values.get(OTHER, ValueRow(name=OTHER))
            entry = LegendEntry(other.name, other.color or OTHER_COLOR, None, None)
            return Palette.of_codes(self._code_entries(), entry, self._absent_entries())
        low, high = self.rescale[0]
        return Palette.of_ramp(load_colormap(self.colormap or ""), low, high, self._absent_entries())

    def _absent_entries(self) -> dict[str, LegendEntry]:
        """Legend entries of pixels without a value, by what keeps them from having one."""
        reasons = {
            "masked": [rule.label for rule in self.scene_rules],
            "outside_zone": [rule.label for rule in self.zone_rules.values()],
        }
        colors = self.absences.model_dump(exclude_none=True)
        titles = {"masked": "Masked: " + "; ".join(reasons["masked"])}
        titles["outside_zone"] = _capitalized("; ".join(reasons["outside_zone"]))
        return {state: LegendEntry(titles[state], color, None, None) for state, color in colors.items()}

    def _class_entries(self) -> list[LegendEntry]:
        colors = [hex_color(color) for color in self._stops.table(len(self.classes))] if self._stops else []
        return [
            LegendEntry(row.name, row.color or colors[i], row.lower, row.upper)
            for i, row in enumerate(self.classes)
        ]

    def _code_entries(self) -> dict[int, LegendEntry]:
        rows = self.codes
        colors = [hex_color(color) for color in self._stops.table(len(rows))] if self._stops else []
        return {
            code: LegendEntry(row.name, row.color or colors[place], float(code), float(code))
            for place, (code, row) in enumerate(rows.items())
        }

    @cached_property
    def digest(self) -> str:
        """sha256, in hex, over everything that changes pixels: equal digests paint equal values alike."""
        decisive: dict[str, Any] = {
            "collection": self.collection,
            "expression": self.expression and self._compiled.text,
            "bands": self.rgb_bands,
            "rescale": self.rescale,
            "stops": self._stops and self._stops.stops,
            "classes": [(row.lower, row.upper, row.color) for row in self.classes],
            "mask": [rule.effect for rule in self.mask],
        }
        if self.takes_codes and self.palette is not None:
            decisive["values"] = [(entry.lower, entry.color) for entry in self.palette.entries]
        if self.reads_windows:
            decisive |= {
                "roles": {name: role.effect for name, role in self.roles.items()},
                "counted": [row.model_dump() for row in self.counted],
                "absences": self.absences.model_dump(),
            }
        if self.offset is not None:
            decisive["offset"] = self.offset
        canonical = json.dumps(decisive, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(canonical.encode()).hexdigest()

    def specified(self, *, windows: Mapping[str, str], offset: float | None = None) -> "Product":
        """The product with windows or an offset of a request in place of its own.

        Args:
            windows: A period or interval for each of some roles.
            offset: What is subtracted from every value; None leaves the product's own.
        """
        if not windows and offset is None:
            return self
        roles = {
            name: role.model_copy(update={"window": windows[name]}) if name in windows else role
            for name, role in self.roles.items()
        }
        found = self.model_copy(update={"roles": roles, "offset": self.offset if offset is None else offset})
        found.__dict__.pop("digest", None)  # the only thing worked out from these, and kept with the copy
        return found

    def with_values(self, values: Mapping[int, ValueRow]) -> "Product":
        """The product with classes of single values; all have colours."""
        found = self.model_copy(update={"values": values})
        for name in found.__dict__.keys() - type(self).model_fields.keys():
            del found.__dict__[name]  # what was worked out from the values before
        return found

    def __hash__(self) -> int:
        return hash((self.id, self.digest))


def _capitalized(text: str) -> str:
    return text[:1].upper() + text[1:]
