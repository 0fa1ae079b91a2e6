"""The checkout that is measured: its command line, run apart from this script's own environment."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOREIGN = ("TILEWATCH_", "GDAL_", "AWS_", "PYTHON", "CPL_", "PROJ_")
"""Beginnings of names that would change what is measured."""


@dataclass(frozen=True, slots=True)
class Checkout:
    """A checkout that has been set up (`scripts/setup test`).

    Attributes:
        folder: Where it is.
        work: A folder without `.env`, in which its commands run.
    """

    folder: Path
    work: Path

    @property
    def program(self) -> str:
        """Its command line."""
        return str(self.folder / ".venv" / "bin" / "tilewatch")

    @property
    def real_scenes(self) -> Path | None:
        """The folder of real scenes beside the checkout, where it is there."""
        folder = self.folder.parent / "shared" / "data"
        return folder if folder.is_dir() else None

    def environment(self, **settings: str) -> dict[str, str]:
        """What its processes see; `settings` come on top."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        return {**kept, **settings}

    def run(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run a command of it to its end."""
        return subprocess.run(
            [self.program, *arguments],
            cwd=self.work,
            env=self.environment(**settings),
            check=False,
            capture_output=True,
            text=True,
        )

    def about(self) -> dict[str, Any]:
        """Which state of the code it is."""
        return {
            "commit": self._git("rev-parse", "HEAD"),
            "title": self._git("log", "-1", "--format=%s"),
            "changed": self._git("status", "--short", "--untracked-files=no").splitlines(),
        }

    def _git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=self.folder, check=False, capture_output=True, text=True
        )
        return done.stdout.strip()
