"""The page's own checks, so that they run wherever pytest does: types, those of the interface, unit tests."""

import os
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
ENVIRONMENT = os.environ | {
    "PATH": f"{CHECKOUT / '.setup' / 'node' / 'bin'}:{os.environ['PATH']}",
    "NO_COLOR": "1",
    "NPM_CONFIG_UPDATE_NOTIFIER": "false",
}


def run(command: list[str], folder: Path) -> None:
    """Runs a command, and fails with all that it printed."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=ENVIRONMENT,
        check=False,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    print(done.stdout)
    if done.returncode:
        pytest.fail(f"{' '.join(command)} failed:\n{done.stdout}", pytrace=False)


def test_types_of_the_interface_are_those_of_the_openapi_document():
    run(["scripts/api-types", "--check"], CHECKOUT)


@pytest.mark.parametrize("script", ["check", "test"])
def test_types_and_unit_tests_of_the_page_pass(script: str):
    run(["npm", "run", "--silent", script], CHECKOUT / "app" / "web")
