"""The locks pin and hash every dependency, agree with pyproject.toml, and name no address."""

import json
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

CHECKOUT = Path(__file__).parents[2]
LOCKS = sorted(path.name for path in CHECKOUT.glob("requirements*.lock"))
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())


def pins(lock: str) -> dict[str, str]:
    """Version by name of every package in a lock; each must come with hashes."""
    entries = (CHECKOUT / lock).read_text().replace("\\\n", " ").splitlines()
    found: dict[str, str] = {}
    for entry in entries:
        requirement, _, hashes = entry.partition(" --hash=sha256:")
        parsed = Requirement(requirement)
        assert hashes, f"{lock} does not hash {parsed.name}"
        (pin,) = parsed.specifier
        assert pin.operator == "=="
        found[canonicalize_name(parsed.name)] = pin.version
    return found


def wanted(*groups: str) -> list[Requirement]:
    """What pyproject.toml asks for: the dependencies of the program and of these groups."""
    texts = list(PROJECT["project"]["dependencies"])
    for group in groups:
        texts += [entry for entry in PROJECT["dependency-groups"][group] if isinstance(entry, str)]
    return [Requirement(text) for text in texts]


@pytest.mark.parametrize("name", [*LOCKS, "app/web/package-lock.json"])
def test_lock_names_no_address(name: str):
    text = (CHECKOUT / name).read_text()
    if name.endswith(".json"):
        packages = json.loads(text)["packages"]
        assert not [path for path, package in packages.items() if "resolved" in package]
        assert not [path for path, package in packages.items() if path and "integrity" not in package]
    else:
        assert "://" not in text
        assert pins(name)


@pytest.mark.parametrize(
    ("lock", "groups"),
    [("requirements.lock", ()), ("requirements-test.lock", ("test", "check", "bench", "build"))],
)
def test_lock_fits_pyproject(lock: str, groups: tuple[str, ...]):
    pinned = pins(lock)
    for requirement in wanted(*groups):
        version = pinned.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement.name} is not in {lock}: run scripts/lock"
        assert version in requirement.specifier, f"{lock} pins {requirement.name} {version}: run scripts/lock"


def test_tests_run_with_the_versions_that_are_served():
    tested = pins("requirements-test.lock")
    assert {name: tested.get(name) for name in pins("requirements.lock")} == pins("requirements.lock")
