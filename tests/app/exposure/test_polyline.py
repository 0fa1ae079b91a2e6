"""Encoded polylines are read as Google's description of the algorithm encodes them, and nothing else."""

import pytest

from app.exposure.line import LineError
from app.exposure.polyline import read_polyline

GOOGLE = "_p~iF~ps|U_ulLnnqC_mqNvxq`@"
"""The example of developers.google.com/maps/documentation/utilities/polylinealgorithm."""


def test_the_published_example():
    line = read_polyline(GOOGLE, 5)
    assert line.parts[0].tolist() == [[-120.2, 38.5], [-120.95, 40.7], [-126.453, 43.252]]


def test_precision_6_is_ten_times_finer():
    line = read_polyline(GOOGLE, 6)
    assert line.parts[0].ravel().tolist() == pytest.approx([-12.02, 3.85, -12.095, 4.07, -12.6453, 4.3252])


@pytest.mark.parametrize(
    ("text", "precision", "said"),
    [
        (GOOGLE[:-1], 5, "ends within a number"),
        ("_p~iF", 5, "between a latitude and its longitude"),
        ("_p~iF ~ps|U", 5, "character 5 of the polyline, ' ', does not occur"),
        ("~" * 2_000_000, 5, "not one of degrees"),  # other decoders make one number of two million digits
        ("", 5, "two positions or more"),
        ("??", 5, "two positions or more"),
        ("????", 5, "has no length"),
        (GOOGLE, 7, "precision is 5 or 6"),
        ("_ibE_ibE_ibE_ibE" * 300, 5, "read with precision 5; the other one is 6"),
        ("?A" * 30_000, 5, "at most 25,000"),
    ],
)
def test_what_is_not_a_polyline_is_refused_with_the_reason(text, precision, said):
    with pytest.raises(LineError, match=said):
        read_polyline(text, precision)
