"""Expressions: what they give, and what is missing."""

import math
import threading

import numpy as np
import pytest

from app.products.compiling import compile_expression
from app.products.expression import Years
from app.products.grammar import ExpressionError, parse

NAN = float("nan")


def evaluated(text: str, **bands: list[float]) -> list[float]:
    values = {name: np.array(column, dtype=np.float32) for name, column in bands.items()}
    result = compile_expression(text).evaluate(values)
    assert result.dtype == np.float32
    return [float(value) for value in result]


def is_same(found: list[float], expected: list[float]) -> bool:
    return found == pytest.approx(expected, nan_ok=True, rel=1e-6)


def test_ndvi_of_real_medians_is_the_published_number():
    # Medians of a Sentinel-2 scene: red 1718, near infrared 3338, less 1000 and divided by 10000.
    assert is_same(evaluated("(nir - red) / (nir + red)", nir=[0.2338], red=[0.0718]), [0.1620 / 0.3056])


@pytest.mark.parametrize(
    ("text", "bands", "expected"),
    [
        ("a + b * 2", {"a": [1, 2], "b": [3, 0.5]}, [7, 3]),
        ("-a ** 2", {"a": [3]}, [-9]),
        ("a ** 3", {"a": [-2]}, [-8]),
        ("2 - -a", {"a": [3]}, [5]),
        ("abs(a)", {"a": [-2, 0, 2]}, [2, 0, 2]),
        ("sqrt(a)", {"a": [0, 2.25, -1]}, [0, 1.5, NAN]),
        ("log(a)", {"a": [math.e, 1, 0, -1]}, [1, 0, NAN, NAN]),
        ("exp(a)", {"a": [0, 1, -1000, 1000]}, [1, math.e, 0, NAN]),
        ("minimum(a, 2)", {"a": [1, 3, NAN]}, [1, 2, NAN]),
        ("maximum(2, a)", {"a": [1, 3, NAN]}, [2, 3, NAN]),
        ("where(a < 2, 10, b)", {"a": [1, 2, NAN], "b": [7, 7, 7]}, [10, 7, NAN]),
        ("a >= 2", {"a": [1, 2, NAN]}, [0, 1, NAN]),
        ("a <= 2", {"a": [1, 2, 3]}, [1, 1, 0]),
        ("a == 2", {"a": [1, 2, NAN]}, [0, 1, NAN]),
        ("a != 2", {"a": [1, 2, NAN]}, [1, 0, NAN]),
        ("(a > 1) + (a > 2)", {"a": [1, 2, 3]}, [0, 1, 2]),
        ("where(minimum(a > 1, a < 3), a, 0)", {"a": [1, 2, 3]}, [0, 2, 0]),
        ("where(maximum(a < 1, a > 3), a, 0)", {"a": [0.5, 2, 4]}, [0.5, 0, 4]),
    ],
)
def test_operators_and_functions(text, bands, expected):
    assert is_same(evaluated(text, **bands), expected)


@pytest.mark.parametrize(
    "text",
    ["where(a > 0, a, b)", "where(a > 0, 1, b * 0)", "where(a > 5, b, 1)", "minimum(a, b)", "maximum(b, a)",
     "a + 0 * b", "b != 5", "b > 5", "where(b > 5, 1, 0)", "keep(a, b != 5)", "where(2 > 1, a, b)"],
)  # fmt: skip
def test_a_band_that_is_named_and_missing_makes_the_result_missing(text):
    bands = {"a": [1.0], "b": [NAN]}
    assert is_same(evaluated(text, **{name: bands[name] for name in "ab" if name in text}), [NAN])


@pytest.mark.parametrize(
    "text",
    ["1 / a", "a / a", "1 / (1 / a)", "where(1 / a > 5, 1, 0)", "where(a < 5, 1, 1 / a)",
     "where(a > 5, 1 / a, 1)", "minimum(1 / a, 3)", "maximum(-1 / a, 3)", "exp(-1 / a)", "exp(-1 * (1 / a))",
     "keep(2, 1 / a > 0)", "exp(log(a))", "abs(a / a)", "1 / log(a)", "where(sqrt(a - 1) > 0, 1, 2)"],
)  # fmt: skip
def test_a_division_by_zero_is_never_made_good(text):
    assert is_same(evaluated(text, a=[0.0]), [NAN])


@pytest.mark.parametrize(
    "text",
    ["a * a", "1 / (a * a)", "a * a > 1", "where(a * a > 1, 0, 1)", "minimum(a ** 3, 0)", "exp(-a * a)",
     "a * a - a * a", "(b - a) / (a + a)"],
)  # fmt: skip
def test_an_overflow_is_never_made_good(text):
    bands = {"a": [3e38], "b": [3e38]}
    assert is_same(evaluated(text, **{name: bands[name] for name in "ab" if name in text}), [NAN])


def test_an_infinite_input_is_missing():
    assert is_same(evaluated("a", a=[math.inf, -math.inf, 1]), [NAN, NAN, 1])


def test_keep_leaves_a_value_missing_where_its_condition_does_not_hold():
    formula = "keep((nir - red) / (nir + red), nir + red > 0)"
    found = evaluated(formula, nir=[0.5, 0.0, -0.2, 0.3, NAN], red=[0.1, 0.0, 0.1, -0.3, 0.1])
    assert is_same(found, [0.4 / 0.6, NAN, NAN, NAN, NAN])


def test_constants_do_not_widen_the_arithmetic():
    # 0.1 in float32 is not 0.1 in float64: only arithmetic in float32 makes the two equal.
    assert evaluated("a == 0.1", a=[0.1]) == [1.0]


def test_shapes_are_kept_and_empty_arrays_are_fine():
    formula = compile_expression("a + 1")
    for shape in ((3, 4), (0, 5), (2, 3, 4)):
        assert formula.evaluate({"a": np.zeros(shape, dtype=np.float32)}).shape == shape


def test_a_view_of_a_larger_array_is_read_as_it_lies():
    stack = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    result = compile_expression("b - a").evaluate({"a": stack[0, ::2, 1:], "b": stack[1, ::2, 1:]})
    assert (result == 12).all()


def test_roles_are_named_before_the_band():
    formula = compile_expression("pre.nir - post.nir", roles=("pre", "post"))
    assert formula.bands == ("pre.nir", "post.nir")
    values = {name: np.full(1, value, dtype=np.float32) for name, value in (("pre.nir", 5), ("post.nir", 2))}
    assert formula.evaluate(values).tolist() == [3.0]


YEARS = {"earlier": Years(most=5, least=3)}


def over_years(text: str, now: list[float], *earlier: list[float]) -> list[float]:
    formula = compile_expression(text, roles=("now", "earlier"), years=YEARS)
    values = {"now.x": np.array(now, np.float32), "earlier.x": np.array(earlier, np.float32)}
    return [float(value) for value in formula.evaluate(values)]


def test_a_mean_and_a_deviation_are_taken_over_the_years_that_have_a_value():
    # A pixel a column: four years, three years, two years of which are too few.
    earlier: tuple[list[float], ...] = ([1, 1, 1], [2, NAN, NAN], [4, 2, NAN], [5, 6, 7])
    now = [10.0, 10, 10]
    assert is_same(over_years("now.x - mean(earlier.x)", now, *earlier), [7.0, 7.0, NAN])
    # Squares about the means 3 and 3 add up to 10 and 14, over n - 1.
    deviations = [math.sqrt(10 / 3), math.sqrt(14 / 2), NAN]
    assert is_same(over_years("0 * now.x + std(earlier.x)", now, *earlier), deviations)
    assert is_same(over_years("now.x / mean(earlier.x * 2)", now, *earlier), [10 / 6, 10 / 6, NAN])


def test_one_expression_is_safe_from_many_threads_at_once():
    formula = compile_expression(
        "where(a > 0.5, sqrt(a) * exp(b) - a ** 3, keep(log(a + 1) / (b + 2), a >= 0))"
    )
    generator = np.random.default_rng(7)
    inputs = [{name: generator.random((300, 300), dtype=np.float32) for name in ("a", "b")} for _ in range(8)]
    expected = [formula.evaluate(values).copy() for values in inputs]
    wrong: list[int] = []

    def work(turn: int) -> None:
        for _ in range(40):
            wrong.extend([turn] * (not np.array_equal(formula.evaluate(inputs[turn]), expected[turn])))

    threads = [threading.Thread(target=work, args=(turn,)) for turn in range(len(inputs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_the_largest_expressions_still_run():
    formula = compile_expression("+".join(f"where(b{i % 12}>{i},{i}.1,{i}.2)" for i in range(21)))
    values = {name: np.full((4, 4), 10.5, dtype=np.float32) for name in formula.bands}
    # 10.5 exceeds the thresholds 0 to 10: eleven terms give i + 0.1, ten i + 0.2, and 0 + 1 + … + 20 is 210.
    assert formula.evaluate(values)[0, 0] == pytest.approx(210 + 11 * 0.1 + 10 * 0.2, rel=1e-5)


@pytest.mark.parametrize(
    "text", ["+" * 400 + "red", "-+" * 240 + "red", "red" + "()" * 240, "red" + ".a" * 240]
)
def test_four_hundred_signs_or_brackets_are_refused(text: str):
    with pytest.raises(ExpressionError):
        parse(text)
