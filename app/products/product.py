"""A product: what follows from its description, up to its colours and the digest of what decides pixels."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Literal

from app.products.classes import OTHER, OTHER_COLOR, ValueRow
from app.products.comparisons import Comparisons
from app.products.compiling import compile_expression
from app.products.description import ProductDescription
from app.products.expression import Expression
from app.products.indices.catalogue import catalogue
from app.products.palette import LegendEntry, Palette, hex_color
from colormaps import load_colormap

LIT_NEW = "newly lit"
LIT_DIMMED = "dimmed"
LIT_BOTH = "lit at both dates"
"""States of a cell that is valid at both dates of a product that compares lights."""


class ProductFileError(ValueError):
    """A file does not describe a product; the message names file and field, and what would be right."""


class Product(ProductDescription):
    """What a tile shows and a statistic counts."""

    @cached_property
    def kind(self) -> Literal["classes", "continuous", "rgb"]:
        """How values become colours."""
        return "rgb" if self.rgb_bands else "continuous" if self.rescale else "classes"

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        """What its classes are called, in order; none where it has no classes."""
        if self.kind != "classes" or self.palette is None:
            return ()
        return tuple(entry.label for entry in self.palette.entries)

    @cached_property
    def index_facts(self) -> dict[str, Any] | None:
        """Formula, reference and expected range of the published index it shows; None where it shows none."""
        return None if self.index is None else catalogue().facts(self.index)

    @cached_property
    def takes_codes(self) -> bool:
        """Whether its classes are of single values."""
        return self.kind == "classes" and not self.classes

    @property
    def planes(self) -> int:
        """Values a pixel: three for red, green and blue, as many as there are bands to be read, else one."""
        return len(self.rgb_bands) or 1

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
    def for_statistics(self) -> "Product":
        """Itself with the conditions of its lights at each threshold, which a tile does not need."""
        if self.lights is None:
            return self
        found = self._with("conditions", "comparisons", "is_scale_free")
        found.__dict__["conditions"] = {**self.conditions, **self._light_conditions()}
        return found

    def _light_conditions(self) -> dict[str, Expression]:
        now, then = (f"{role}.{self.lights}" for role in self.role_bands)
        conditions = {}
        for above in self.lit_thresholds:
            bound, begins = self.lit_from(above)
            lit, dark = (">=", "<") if begins else (">", "<=")
            for state, after, before in ((LIT_NEW, lit, dark), (LIT_DIMMED, dark, lit), (LIT_BOTH, lit, lit)):
                where = f"minimum({then} {before} {bound!r}, {now} {after} {bound!r})"
                conditions[light_mark(state, above)] = compile_expression(where, roles=tuple(self.roles))
        return conditions

    def lit_from(self, above: float) -> tuple[float, bool]:
        """Return the bound from which cells count as lit at a threshold, and whether it is lit itself.

        Where an archive stores what is below a number as 0, a threshold up to that number means "above 0":
        the number itself is the least there is.
        """
        if self.zero_below is None or above > self.zero_below:
            return above, False
        return (above, True) if above > 0 else (0.0, False)

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
    def observed(self) -> "Product":
        """How often its pixels were observed, as a product with the same mask; it names the band for that."""
        facts = self.model_dump(include={"id", "title", "collection"})
        as_they_are = {"mask": self.mask, "parameters": self.parameters}
        drawn = {"unit": "1", "rescale": (0.0, 100.0), "colormap": "viridis"}
        return Product.model_validate({**facts, **drawn, "expression": self.observations, **as_they_are})

    @cached_property
    def comparisons(self) -> Comparisons:
        """The numbers that its bands and values are compared with."""
        if self.formula is None:
            return Comparisons()
        edges = (edge for row in self.classes for edge in (row.lower, row.upper))
        lit = () if self.lights else self.lit_thresholds  # those of lights are in conditions
        thresholds = (*edges, *lit, *(self.plausible or ()), *map(float, self.codes))
        formulas = (self.formula, *self.conditions.values())
        shows_band = self.formula.is_band and self.offset is None
        return Comparisons.of(formulas, thresholds, shows_band=shows_band)

    @cached_property
    def lit_thresholds(self) -> tuple[float, ...]:
        """Above which statistics give the area, in the unit; none where nothing shines."""
        return () if self.lit_above is None else (self.lit_above, *self.further_lit_above)

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
        """Return the legend entries of pixels without a value, by what keeps them from having one."""
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
        """Return the product with windows or an offset of a request in place of its own.

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
        return self._with(
            "digest", "for_statistics", roles=roles, offset=self.offset if offset is None else offset
        )

    def with_parameters(self, values: Mapping[str, float]) -> "Product":
        """Return the product with numbers of a request in place of its own.

        Args:
            values: Of some of its parameters, within their ranges.
        """
        if not values:
            return self
        mask = tuple(
            rule
            if rule.parameter is None or rule.parameter not in values
            else rule.bounded(values[rule.parameter])
            for rule in self.mask
        )
        derived = ("digest", "for_statistics", "scene_rules", "zone_rules", "observed", "palette")
        return self._with(*derived, "parameter_values", mask=mask)

    def lit_at(self, thresholds: Sequence[float]) -> "Product":
        """Return the product with thresholds of a request in place of its own.

        Args:
            thresholds: One or more, in the unit.
        """
        first, *further = thresholds
        worked_out = ("comparisons", "lit_thresholds", "for_statistics")
        return self._with(*worked_out, lit_above=first, further_lit_above=tuple(further))

    def without_fallback(self) -> "Product":
        """Return the product without what its roles take where there is nothing a year before."""
        roles = {name: role.model_copy(update={"otherwise": None}) for name, role in self.roles.items()}
        return self._with("digest", "for_statistics", roles=roles)

    def with_bands(self, names: Sequence[str]) -> "Product":
        """Return a product of three bands with any number in place of them, to be read and not drawn.

        Args:
            names: Of bands, in the order of the values of a pixel.
        """
        return self._with(*(self.__dict__.keys() - type(self).model_fields.keys()), rgb_bands=tuple(names))

    def _with(self, *worked_out: str, **changes: Any) -> "Product":
        """Return a copy with some fields changed, without what was worked out from them before."""
        found = self.model_copy(update=changes)
        for name in worked_out:
            found.__dict__.pop(name, None)
        return found

    def with_values(self, values: Mapping[int, ValueRow]) -> "Product":
        """Return the product with classes of single values; all have colours."""
        worked_out = self.__dict__.keys() - type(self).model_fields.keys()
        return self._with(*worked_out, values=values)

    def __hash__(self) -> int:
        return hash((self.id, self.digest))


def light_mark(state: str, above: float) -> str:
    """Return what cells of a state of lights at a threshold are marked with."""
    return f"{state} above {above!r}"


def _capitalized(text: str) -> str:
    return text[:1].upper() + text[1:]
