"""The count of scripts/count-path: which lines of a module count for what ran, and how many run of ours."""

import importlib.util
import sys
import textwrap
from pathlib import Path

import pytest

from scripts.paths.counts import BOUNDS, count, lines_of
from scripts.paths.ours import PACKAGES
from scripts.paths.spans import Function, functions_run
from scripts.paths.tracing import Tracer

MODULE = textwrap.dedent('''\
    import functools


    class Field:
        size = len("a class body")

        @functools.cache
        def area(self):
            """Its area."""
            return sum(n for n in range(3))


    def outer():
        def inner():
            return Field().area()

        return inner()


    def never():
        return 0
    ''')


@pytest.fixture
def traced(tmp_path):
    """The functions that ran on a call of `outer`."""
    before = sys.gettrace()
    file = tmp_path / "package" / "fields.py"
    file.parent.mkdir()
    file.write_text(MODULE)
    tracer = Tracer(tmp_path, ("package",))
    try:
        with tracer.noting() as codes:
            spec = importlib.util.spec_from_file_location("fields", file)
            assert spec is not None
            assert spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            module.outer()
    finally:
        tracer.close()
        sys.settrace(before)
    return functions_run(codes, tmp_path)


def test_functions_that_ran_count_whole_and_once_without_decorators_and_class_bodies(traced):
    assert traced == {"package/fields.py": (Function(8, 10, "Field.area"), Function(13, 17, "outer"))}


async def test_a_tile_a_statistic_and_a_landing_run_through_no_more_files_and_lines_than_wanted():
    before = sys.gettrace()
    checkout = Path(__file__).parents[2]
    tracer = Tracer(checkout, PACKAGES)
    try:
        found = await count(tracer, checkout)
    finally:
        tracer.close()
        sys.settrace(before)
    for name, (files, lines) in BOUNDS.items():
        run = lines_of(found[name])
        assert run, name
        assert len(run) <= files, f"{name}: {', '.join(run)}"
        assert lines is None or sum(run.values()) <= lines, f"{name}: {run}"
    assert "app/rendering/computing.py" in found["tile"]
    assert "app/statistics/counting.py" in found["statistic"]
    assert "ingest/landing.py" in found["landing"]
