"""Harmonising: whether Sentinel-2 digital numbers still carry the offset of processing baseline 04.00.

Since 2022-01-25, and in all older dates processed again, ESA's numbers are 1000 higher: reflectance is
(DN - 1000) / 10000. Some archives have taken the 1000 away again. The decision is made once, when a scene is
landed, and kept with its reason.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

BOA_OFFSET = -0.1
"""BOA_ADD_OFFSET of -1000 times the quantification of 1e-4, in every band (ESA, baseline 04.00)."""
FIRST_BASELINE_WITH_OFFSET = (4, 0)
FIRST_DAY_WITH_OFFSET = datetime(2022, 1, 25, tzinfo=UTC)
LOWEST_DN_WITH_OFFSET = 900
"""Numbers that still carry the offset hardly go below about 1000, whatever the ground (our own probe)."""


class OffsetUndecidedError(ValueError):
    """Nothing tells whether the offset is in the numbers; the message says what would."""


class BaselineError(ValueError):
    """A text that is no processing baseline; the message says what one looks like."""


@dataclass(frozen=True, slots=True)
class Harmonisation:
    """The offset to add to scaled numbers, and why."""

    offset: float
    """In reflectance: -0.1 or 0."""
    reason: str
    doubt: str | None = None
    """A sentence for whoever lands the scene, where the pixels speak against the decision."""


def decide_offset(
    *,
    baseline: str | None,
    sensed: datetime,
    low_dn: float | None,
    removed: bool | None = None,
) -> Harmonisation:
    """Decides the offset of a Sentinel-2 Level-2A scene.

    Args:
        baseline: Processing baseline, "05.09"; None where unknown.
        sensed: When the scene was taken.
        low_dn: 1st percentile of the valid digital numbers of its red (or another reflective) band; None
            where there are none.
        removed: What the archive says of its pixels: True where it has taken the offset away (Earth Search's
            `earthsearch:boa_offset_applied`), False where it says it has not, which is not always so; None
            where it hands on ESA's numbers.

    Raises:
        OffsetUndecidedError: Where neither baseline nor pixels nor date decide.
    """
    looks_removed = low_dn is not None and low_dn < LOWEST_DN_WITH_OFFSET
    probe = f"1st percentile of the digital numbers is {low_dn:.0f}" if low_dn is not None else "no pixels"
    if removed:
        return Harmonisation(0.0, "the archive has taken the offset away")
    if baseline is not None:
        if parse_baseline(baseline) < FIRST_BASELINE_WITH_OFFSET:
            return Harmonisation(0.0, f"processing baseline {baseline} is before 04.00: no offset")
        if removed is False and looks_removed:
            # Element84/earth-search#71: items flagged as not applied whose pixels have it taken away
            return Harmonisation(
                0.0, f"the archive says otherwise, but the offset is gone: {probe}, below 900"
            )
        doubt = None
        if looks_removed:
            doubt = (
                f"the {probe}, as if the offset of baseline {baseline} had been taken away already "
                "(Earth Search does so): give --offset 0 if it has."
            )
        return Harmonisation(BOA_OFFSET, f"processing baseline {baseline} is 04.00 or later: -1000", doubt)
    if looks_removed:
        return Harmonisation(0.0, f"the offset is not in the numbers: {probe}, below {LOWEST_DN_WITH_OFFSET}")
    if sensed < FIRST_DAY_WITH_OFFSET:
        return Harmonisation(
            0.0, f"taken before 2022-01-25 and of unknown baseline, so taken for one before 04.00 ({probe})"
        )
    raise OffsetUndecidedError(
        "whether these digital numbers carry the Sentinel-2 offset of -1000 cannot be told from them "
        f"({probe}). Give --baseline (such as 05.09; the product's metadata has it), "
        "or --offset -0.1 or --offset 0."
    )


def needs_pixels(baseline: str | None, *, removed: bool | None) -> bool:
    """Whether the archive says nothing, or what is wrong at times, so that the pixels are asked."""
    if baseline is None:
        return not removed
    return removed is False and parse_baseline(baseline) >= FIRST_BASELINE_WITH_OFFSET


def parse_baseline(text: str) -> tuple[int, int]:
    """The two numbers of a processing baseline, "05.09" or "N0509".

    Raises:
        BaselineError: Where the text is none.
    """
    match = re.fullmatch(r"N?(\d{2})\.?(\d{2})", text.strip())
    if match is None:
        raise BaselineError(f"'{text}' is no processing baseline; one looks like 05.09 (or N0509).")
    return int(match[1]), int(match[2])
