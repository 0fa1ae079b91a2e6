"""Files that describe: folders of .toml, each file one thing whose id is the file's name.

A file that is wrong is left out, and says why; the others count.
"""

import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

Described = TypeVar("Described")


@dataclass(frozen=True, slots=True)
class LeftOutFile:
    """A file that is left out."""

    path: Path
    reason: str
    """The file's name, the field, and what would be right there."""

    def document(self) -> dict[str, str]:
        """Return it as an object for JSON, without the folders of the machine."""
        return {"file": self.path.name, "reason": self.reason}


class ReadFiles(dict[str, Described]):
    """What files describe, by id.

    Args:
        found: What the files describe that are right.
        left_out: The others, by the id of what they would describe.
    """

    def __init__(self, found: Mapping[str, Described], left_out: Mapping[str, LeftOutFile]) -> None:
        super().__init__(found)
        self.left_out = dict(left_out)

    def without(self, reasons: Mapping[str, LeftOutFile]) -> "ReadFiles[Described]":
        """Return them with some more left out."""
        found = {name: described for name, described in self.items() if name not in reasons}
        return ReadFiles(found, self.left_out | dict(reasons))


def read_folders(
    folders: Iterable[Path], read: Callable[[Path], Described], refusal: type[ValueError], what: str
) -> ReadFiles[Described]:
    """Read every .toml file of some folders; of two files of one name, the later folder's counts.

    A wrong file leaves out what it describes, also where a file of an earlier folder has the same name: that
    one may say something else of the same numbers.

    Args:
        folders: Where the files are.
        read: Reads one.
        refusal: The error to raise where a folder does not exist; `read` raises it where a file is wrong.
        what: What the files describe, in the plural, for people.
    """
    found: dict[str, Described] = {}
    left_out: dict[str, LeftOutFile] = {}
    for folder in folders:
        if not folder.is_dir():
            raise refusal(f"there is no folder {folder} to read {what} from.")
        for path in sorted(folder.glob("*.toml")):
            try:
                found[path.stem] = read(path)
                left_out.pop(path.stem, None)
            except refusal as error:
                found.pop(path.stem, None)
                left_out[path.stem] = LeftOutFile(path, str(error))
    return ReadFiles(found, left_out)


def read_table(path: Path, refusal: type[ValueError]) -> dict[str, Any]:
    """Return what a file says, without its id.

    Args:
        path: Of the file.
        refusal: The error to raise where it cannot be read, is not TOML or gives an id itself.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise refusal(f"{path.name} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise refusal(f"{path.name} is not TOML: {error}") from error
    if "id" in table:
        raise refusal(f"{path.name}: id: leave it out, the file's name is the id.")
    return table
