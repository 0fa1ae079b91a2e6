"""Files that describe: folders of .toml, each file one thing whose id is the file's name."""

import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

Described = TypeVar("Described")


def read_folders(
    folders: Iterable[Path], read: Callable[[Path], Described], refusal: type[ValueError], what: str
) -> dict[str, Described]:
    """Read every .toml file of some folders; of two files of one name, the later folder's counts.

    Args:
        folders: Where the files are.
        read: Reads one.
        refusal: The error to raise where a folder does not exist.
        what: What the files describe, in the plural, for people.
    """
    found: dict[str, Described] = {}
    for folder in folders:
        if not folder.is_dir():
            raise refusal(f"there is no folder {folder} to read {what} from.")
        found |= {path.stem: read(path) for path in sorted(folder.glob("*.toml"))}
    return found


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
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise refusal(f"{path.name} is not TOML: {error}") from error
    if "id" in table:
        raise refusal(f"{path.name}: id: leave it out, the file's name is the id.")
    return table
