"""Every setting is described in the README and in .env.example, and reaches the container."""

import re
from pathlib import Path

import pytest

from app.settings import Settings

CHECKOUT = Path(__file__).parents[2]
NAMES = {f"TILEWATCH_{field}".upper(): field for field in Settings.model_fields}

OF_COMPOSE = {"TILEWATCH_BUCKET", "TILEWATCH_WORKERS"}
"""Variables that compose.yaml alone uses."""

IN_WORDS = {
    "storage": "data/store",
    "downloads": "data/downloads",
    "indexes": "data/indexes",
    "indexes_bytes": "4 GB",
    "cache_bytes": "a quarter of that",
    "memory_bytes": "640 MB",
    "body_bytes": "64 MB",
    "render_threads": "one per core",
    "cors_origins": "*",
}
"""Defaults that the README does not give as a plain value."""


def shown(field: str) -> str:
    """Return a default in the form of the README's table."""
    if field in IN_WORDS:
        return IN_WORDS[field]
    default = Settings.model_fields[field].default
    if default in (None, "", (), {}):
        return "none"
    return str(default).lower() if isinstance(default, bool | str) else f"{default:,}".removesuffix(".0")


def rows() -> list[tuple[list[str], str]]:
    """Return the names and the text of every row of the README's table of settings."""
    table = (CHECKOUT / "README.md").read_text().split("## Settings\n")[1].split("\n## ")[0]
    found = re.findall(r"^\| (`TILEWATCH_.*?) \| (.*) \|$", table, re.MULTILINE)
    return [(re.findall(r"TILEWATCH_\w+", names), text) for names, text in found]


def examples() -> dict[str, str]:
    """Return the TILEWATCH_* variables of .env.example."""
    text = (CHECKOUT / ".env.example").read_text()
    return dict(re.findall(r"^#(TILEWATCH_\w+)=(.*)$", text, re.MULTILINE))


def test_the_readme_describes_every_setting_with_its_default():
    assert sorted(name for names, _ in rows() for name in names) == sorted(NAMES)
    for names, text in rows():
        (inside,) = re.findall(r"\(([^()]*)\)$", text)
        given = [part.strip("`").lower() for part in re.split(r"[:;]", inside)[0].split(", ")]
        if len(given) == 1:  # one default for all of them
            given *= len(names)
        assert given == [shown(NAMES[name]).lower() for name in names], names


def test_the_example_has_every_setting_with_a_value_that_is_accepted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    assert sorted(examples().keys() - OF_COMPOSE) == sorted(NAMES)
    monkeypatch.chdir(tmp_path)
    for name, value in examples().items():
        monkeypatch.setenv(name, value)
    differs = Settings().model_dump()
    for name in NAMES:
        monkeypatch.delenv(name)
    defaults = Settings().model_dump()
    without_example = {"api_keys"}  # a key must be chosen
    assert {field for field in defaults if defaults[field] == differs[field]} == without_example


def test_every_setting_reaches_the_container():
    app = (CHECKOUT / "compose.yaml").read_text().split("\n  app:\n")[1].split("\n    ports:")[0]
    passed = dict(re.findall(r"^ {6}(TILEWATCH_\w+): (.*)$", app, re.MULTILINE))
    assert sorted(passed) == sorted(NAMES)
    for name, value in passed.items():
        # Either compose.yaml sets it, or it is taken from .env, with the model's default if it is empty.
        set_here = name in {"TILEWATCH_STORAGE", "TILEWATCH_REDIS_URL", "TILEWATCH_DATABASE_URL"}
        is_folder = name in {"TILEWATCH_DOWNLOADS", "TILEWATCH_INDEXES"}
        assert set_here or is_folder or value == f"${{{name}:-}}"


def test_an_empty_setting_has_its_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    defaults = Settings()
    for name in NAMES:
        monkeypatch.setenv(name, "")
    assert Settings() == defaults
