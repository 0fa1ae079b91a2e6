"""Moments: weight, mean and variance of values, computed in parts that are then combined."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Moments:
    """The sums that give the sum, mean and variance of weighted values."""

    weight: float = 0.0
    """Sum of the weights."""
    mean: float = 0.0
    deviation: float = 0.0
    """Sum of weight times squared distance from the mean."""

    @classmethod
    def of(cls, values: NDArray[np.float32], weights: NDArray[np.float64] | float) -> "Moments":
        """Return the moments of values with their weights, or with one weight for all; two passes, float64.

        No product of vectors is used: BLAS would start threads of its own besides the render threads.
        """
        if not values.size:
            return cls()
        exact = values.astype(np.float64)
        if isinstance(weights, float):
            mean = float(exact.sum()) / values.size
            exact -= mean
            return cls(weights * values.size, mean, weights * float(np.square(exact, out=exact).sum()))
        weight = float(weights.sum())
        mean = float((exact * weights).sum()) / weight
        exact -= mean
        np.square(exact, out=exact)
        return cls(weight, mean, float((exact * weights).sum()))

    def __add__(self, other: "Moments") -> "Moments":
        """Return the moments of both combined (Chan, Golub & LeVeque 1979)."""
        weight = self.weight + other.weight
        if not weight:
            return self
        apart = other.mean - self.mean
        return Moments(
            weight,
            self.mean + apart * (other.weight / weight),
            self.deviation + other.deviation + apart**2 * (self.weight * other.weight / weight),
        )

    @property
    def sum(self) -> float:
        """Sum of weight times value."""
        return self.weight * self.mean

    @property
    def variance(self) -> float:
        """Variance of the population: the weights are not those of a sample."""
        return self.deviation / self.weight if self.weight else math.nan
