"""Compiling: what is refused, and what the text says of bands, roles and cost."""

import time

import pytest

from app.products.compiling import MAX_BANDS, MAX_COST, compile_expression
from app.products.expression import Years
from app.products.grammar import MAX_LENGTH, ExpressionError


def test_spelling_makes_no_difference_to_the_normal_text():
    assert (
        compile_expression("( nir-red )/((nir+red))").text
        == compile_expression("(nir - red) / (nir + red)").text
    )


def test_bands_come_in_the_order_of_first_use():
    assert compile_expression("nir - red + nir * blue").bands == ("nir", "red", "blue")


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
