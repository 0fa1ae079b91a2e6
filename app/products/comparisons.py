"""Comparisons: the numbers that a product's bands and values are compared with."""

from collections.abc import Iterable
from typing import NamedTuple

from app.products.expression import Expression


class Comparisons(NamedTuple):
    """What decides in which precision a product has to be computed."""

    of_bands: tuple[float, ...] = ()
    """Numbers that bands are compared with as they stand."""
    of_values: tuple[float, ...] = ()
    """Numbers that computed values are compared with."""
    computed: bool = False
    """Whether anything computed, other than a band as it stands, is compared."""

    @classmethod
    def of(
        cls, formulas: Iterable[Expression], thresholds: Iterable[float | None], *, shows_band: bool
    ) -> "Comparisons":
        """Return those of a product.

        Args:
            formulas: Its expression and the conditions it counts.
            thresholds: Where its classes begin and end, and what else its values are compared with; or None.
            shows_band: Whether its values are a band as it stands.
        """
        formulas = tuple(formulas)
        own = tuple(dict.fromkeys(each for each in thresholds if each is not None))
        inside = (each for formula in formulas for each in formula.thresholds)
        of_bands = tuple(dict.fromkeys((*(own if shows_band else ()), *inside)))
        of_values = () if shows_band else own
        return cls(of_bands, of_values, bool(of_values) or any(each.compares_computed for each in formulas))
