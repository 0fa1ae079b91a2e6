"""Files that describe: folders of .toml, each file one thing whose id is the file's name."""

import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

Described = TypeVar("Described")


def read_folders(
    folders: Iterable[Path], read: Callable[[Path], Described], refusal: type[ValueError], what: str
) -> dict[str, Described]:
    """Reads every .toml of the folders; of one id, the later folder's stays.

    Args:
        folders: Where the files are.
        read: Reads one.
        refusal: Raised where a folder is not there.
        what: They describe, in the plural, for people.
    """
    found: dict[str, Described] = {}
    for folder in folders:
        if not folder.is_dir():
            raise refusal(f"there is no folder {folder} to read {what} from.")
        found |= {path.stem: read(path) for path in sorted(folder.glob("*.toml"))}
    return found


def read_table(path: Path, refusal: type[ValueError]) -> dict[str, Any]:
    """What a file says, its id not among it; `refusal` where it is no TOML or gives an id itself."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise refusal(f"{path.name} is not TOML: {error}") from error
    if "id" in table:
        raise refusal(f"{path.name}: id: leave it out, the file's name is the id.")
    return table
