"""Descriptions of products: what a product file says, and whether that can be a product."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Self

import numpy as np
from pydantic import BaseModel, Field, ValidationInfo, field_validator, model_validator

from app.products.classes import (
    MAX_VALUE,
    OTHER,
    VALUE,
    ClassRow,
    Code,
    ValueRow,
    check_ranges,
    check_values,
    refuse,
)
from app.products.compiling import compile_expression
from app.products.expression import Expression, Years
from app.products.grammar import ExpressionError
from app.products.mask import MaskRule
from app.products.palette import COLORS
from app.products.parameters import RESERVED, Parameter, ParameterName
from app.products.role import ROLES, AbsenceColors, CountedCondition, Role
from colormaps import Colormap, UnknownColormapError, load_colormap

MAX_LIT = 10
"""Thresholds above which one answer gives the area."""


class ProductDescription(BaseModel):
    """What the file of a product says; one that contradicts itself is refused, naming the field."""

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
    index: str | None = None
    """In place of an expression: the name of a published index, `GET /indices` lists them."""
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
    """Statistics give the area whose value is above this, in the unit; a request may give others."""
    further_lit_above: tuple[float, ...] = Field(default=(), max_length=MAX_LIT - 1)
    """Statistics give the area above each of these as well."""
    zero_below: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """The archive stores values below this as 0, so that a threshold at or below it means: above 0."""
    lights: str | None = Field(default=None, min_length=1)
    """Of a product that compares two dates: the band of lights. In place of a lit area, statistics give what
    is newly lit and what has dimmed at each threshold."""
    observations: str | None = Field(default=None, min_length=1)
    """The band that says how often a pixel was observed: points and statistics give it as `n_obs`."""
    offset: float | None = Field(default=None, ge=-MAX_VALUE, le=MAX_VALUE)
    """Subtracted from every value, before classes; requests may give another. Left out, there is none."""
    plausible: tuple[float, float] | None = None
    """[low, high], beyond which a value is suspect: statistics give the area of such, and points say so."""
    counted: tuple[CountedCondition, ...] = ()
    """Conditions whose area statistics give, of a product that compares dates."""
    absences: AbsenceColors = AbsenceColors()
    """Colours of pixels that are masked or outside the zone."""
    removed: bool = False
    """Statistics give the area that each mask rule removes, of a product of one date."""
    parameters: Mapping[ParameterName, Parameter] = {}
    """What a request may change of the mask: rules name them."""

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
    def scene_rules(self) -> tuple[MaskRule, ...]:
        """Mask rules on bands of the scenes themselves."""
        return tuple(rule for rule in self.mask if rule.collection is None)

    @cached_property
    def zone_rules(self) -> Mapping[str, MaskRule]:
        """Mask rules on mask collections, by collection."""
        return {rule.collection: rule for rule in self.mask if rule.collection is not None}

    @cached_property
    def parameter_values(self) -> Mapping[str, float]:
        """The number of each parameter that counts now."""
        return {
            rule.parameter: rule.bound
            for rule in self.mask
            if rule.parameter is not None and rule.bound is not None
        }

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
    def _check(self) -> Self:
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
        if self.further_lit_above and self.lit_above is None:
            refuse("further_lit_above", "the first threshold stands in lit_above; add lit_above = …")
        if self.observations is not None and (self.roles or not self.expression):
            refuse("observations", "this belongs to an expression without roles")
        self._check_counted()
        self._check_lights()
        self._check_absences()
        self._check_parameters()
        if self.removed and (self.roles or not self.scene_rules):
            refuse("removed", "this belongs to a product of one date with mask rules")
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

    def _check_lights(self) -> None:
        if self.lights is None:
            return
        if self.lit_above is None:
            refuse("lights", "the first threshold stands in lit_above; add lit_above = …")
        if len(self.roles) != 2 or self._years:
            refuse("lights", "this belongs to a product with two roles of one window each")
        for role in self.roles:
            if f"{role}.{self.lights}" not in self._compiled.bands:
                refuse("lights", f"the expression does not name {role}.{self.lights}")

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

    def _check_parameters(self) -> None:
        for i, rule in enumerate(self.mask):
            if rule.parameter is None:
                continue
            if rule.parameter not in self.parameters:
                refuse(
                    f"mask[{i}].parameter", f"there is no [parameters.{rule.parameter}] that says what it is"
                )
            if rule.bound is None:
                refuse(f"mask[{i}].parameter", "this belongs to a rule with min or max, which is its default")
            low, high = self.parameters[rule.parameter].range
            if not low <= rule.bound <= high or rule.bound != self.parameter_values[rule.parameter]:
                refuse(
                    f"mask[{i}].parameter",
                    f"the default, {rule.bound:g}, is the same in all rules, and from {low:g} to {high:g}",
                )
        for name in self.parameters:
            if name in RESERVED:
                refuse(f"parameters.{name}", "this name means something else in addresses; choose another")
            if name not in self.parameter_values:
                refuse(f"parameters.{name}", "no mask rule names it")

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
