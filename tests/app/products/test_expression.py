"""Expressions: what is refused, and what is missing."""

import math
import threading
import time

import numpy as np
import pytest

from app.products.expression import (
    MAX_BANDS,
    MAX_COST,
    MAX_LENGTH,
    ExpressionError,
    Years,
    compile_expression,
)

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


def test_spelling_makes_no_difference_to_the_normal_text():
    assert (
        compile_expression("( nir-red )/((nir+red))").text
        == compile_expression("(nir - red) / (nir + red)").text
    )


def test_bands_come_in_the_order_of_first_use():
    assert compile_expression("nir - red + nir * blue").bands == ("nir", "red", "blue")


def test_roles_are_named_before_the_band():
    formula = compile_expression("pre.nir - post.nir", roles=("pre", "post"))
    assert formula.bands == ("pre.nir", "post.nir")
    values = {name: np.full(1, value, dtype=np.float32) for name, value in (("pre.nir", 5), ("post.nir", 2))}
    assert formula.evaluate(values).tolist() == [3.0]


@pytest.mark.parametrize(
    ("text", "roles", "words"),
    [
        ("pre.red", (), "write red instead of pre.red"),
        ("red", ("pre", "post"), "write pre.red or post.red"),
        ("mid.red - pre.red", ("pre", "post"), "'mid.red' does not name a time window"),
    ],
)
def test_a_role_that_there_is_not_is_refused(text, roles, words):
    with pytest.raises(ExpressionError, match=words):
        compile_expression(text, roles=roles)


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


def test_bands_inside_a_mean_are_bands_of_the_formula_and_cost_every_year():
    single = compile_expression("now.x - now.y", roles=("now", "earlier"), years=YEARS)
    formula = compile_expression("now.x - mean(earlier.x - earlier.y)", roles=("now", "earlier"), years=YEARS)
    assert formula.bands == ("now.x", "earlier.x", "earlier.y")
    assert formula.cost > 5 * single.cost


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("earlier.x", r"write mean\(earlier.x\) or std\(earlier.x\)"),
        ("mean(now.x)", "years of one role that has several; there are: earlier"),
        ("mean(earlier.x - now.x)", "years of one role"),
        ("mean(mean(earlier.x))", "there are: none here"),
        ("mean(3) + now.x", "years of one role"),
        ("mean(exp(exp(exp(exp(exp(exp(earlier.x)))))))", f"more than {MAX_COST} operations"),
    ],
)
def test_years_stand_inside_a_mean_alone(text, words):
    with pytest.raises(ExpressionError, match=words):
        compile_expression(text, roles=("now", "earlier"), years=YEARS)


REFUSED = {
    "9**9**9": "exponents 2 and 3",
    "a ** b": "exponents 2 and 3",
    "a ** 4": "exponents 2 and 3",
    "a ** 0.5": r"sqrt\(x\)",
    "((((a**3)**3)**3)**3)**3": f"more than {MAX_COST} operations",
    "+".join(["a"] * 5000): f"at most {MAX_LENGTH} characters; this one has 9999",
    "a" * 10_000: f"at most {MAX_LENGTH} characters",
    "+".join(["a"] * 249): "nested at most",
    "(" * 240 + "a" + ")" * 240: "nested",
    "-" * 499 + "a": "nested",
    "(" * 499: "is not an expression",
    "__import__('os')": '"\'" has no meaning',
    "__import__(os)": "'__import__' is not a function",
    "__class__": "is not a name",
    "a.__class__": "is not a name",
    "a.b.c": "is not a name",
    "(a + b).real": "is not a name",
    "os.system(1)": "'os.system' is not a function",
    "a[0]": r"'\[' has no meaning",
    "lambda: a": "':' has no meaning",
    "lambda a=1, b=2": "is not an expression",
    "[a for a in b]": "has no meaning",
    "(a, b)": "has no meaning",
    "a if b else c": "has no meaning",
    "'text'": "has no meaning",
    "a; b": "';' has no meaning",
    "\uff4eir - red": r"'\\uff4e' has no meaning",
    "n\u0131r": r"'\\u0131' has no meaning",
    "a\u00b2": r"'\\xb2' has no meaning",
    "a\x00": "has no meaning",
    "a # b": "'#' has no meaning",
    "a < b < c": r"write minimum\(low < x, x < high\)",
    "a and b": "write minimum",
    "a or b": "maximum",
    "not a": "where",
    "a is b": "is not a comparison",
    "a in b": "is not a comparison",
    "a // b": "has no meaning",
    "a % b": "has no meaning",
    "a @ b": "has no meaning",
    "a & b": "has no meaning",
    "~a": "has no meaning",
    "+a": "has no meaning",
    "9" * 400 + " * a": "at most 20 digits",
    "a * 1e300": "out of range",
    "a * 1e9999": "out of range",
    "a * 1e-40": "out of range",
    "1j * a": "is not a number",
    "0x10 * a": "is not a number",
    "1_000 * a": "is not a number",
    "1and a": "is not a number",
    "True": "is not a number",
    "None": "is not a number",
    "1 + 1": "names no band",
    "": "is empty",
    "   ": "is empty",
    "a b": "cannot be read at character 3",
    "a = b": "cannot be read",
    "a +": "cannot be read",
    "sin(a)": "'sin' is not a function; there are: where, keep",
    "min(a, b)": "'min' is not a function; there are: where, keep, minimum",
    "sqrt(a, b)": r"write sqrt\(x\)",
    "minimum(a)": r"write minimum\(x, y\)",
    "where(a > b, c)": r"write where\(condition, value, other_value\)",
    "keep(a)": r"write keep\(value, condition\)",
    "sqrt(*a)": r"write sqrt\(x\)",
    "sqrt(x=a)": r"write sqrt\(x\)",
    "sqrt + 1": r"is a function; write sqrt\(x\)",
    "where(a, b, c)": "where needs a comparison",
    "keep(a, b)": "keep needs a comparison",
    " + ".join(f"b{i}" for i in range(MAX_BANDS + 1)): f"at most {MAX_BANDS} bands",
    "*".join(f"({'a*' * 18}a)" for _ in range(12)): "at most 160",
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: ascii(text[:24]))
def test_what_is_not_an_expression_is_refused_at_once_and_with_a_reason(text):
    times = []
    for _ in range(3):  # the shortest counts: a collection of garbage may fall into any one
        began = time.thread_time()
        with pytest.raises(ExpressionError, match=REFUSED[text]) as refusal:
            compile_expression(text)
        times.append(time.thread_time() - began)
        assert len(str(refusal.value)) < 400
    assert min(times) < 0.05


def test_the_cost_counts_what_is_multiplied_and_guarded():
    # a * a; then the same times 0 is added, which is how an infinite result is found.
    assert compile_expression("a ** 2").cost == 1 + (1 + 1) + 1
    # exp(a); exp(a) times 0 added; a times 0 added, since exp makes -infinity 0.
    assert compile_expression("exp(a)").cost == 8 + (8 + 1) + 1 + 1 + 1
    with pytest.raises(ExpressionError, match="operations per pixel"):
        compile_expression("((((a ** 3) ** 3) ** 3) ** 3) ** 2")


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
