"""Questions for the command line: what each command says of itself, what it lists and what it refuses."""

from scripts.corpora.asking import COMMAND, Question

NAMES = (
    "serve", "demo", "land", "ingest", "overviews", "sources", "composite", "log", "sweep", "migrate",
    "collections", "collections list", "areas", "areas import", "areas list", "areas delete", "regions",
    "regions check", "regions plan", "keys", "keys new",
)  # fmt: skip

BOX = "--bbox=-99.06,40.46,-98.94,40.54"
NO_FILE = "--asset red=/no/such/file.tif"

LINES = (
    "--version",
    "--help",
    *(f"{name} --help" for name in NAMES),
    "nothing",
    "collections list",
    "collections list --json",
    "sources",
    "sources --json",
    "log sentinel-2-l2a --storage {store}",
    "log naip --start 2 --storage {store}",
    "log nothing --storage {store}",
    "demo --storage {store}",
    f"land nothing --id x --datetime 2024-06 {NO_FILE} --storage {{store}}",
    f"land sentinel-2-l2a --id x --datetime soon {NO_FILE} --storage {{store}}",
    f"land sentinel-2-l2a --id x --datetime 2024-06 {NO_FILE} --storage {{store}}",
    "land sentinel-2-l2a --id x --datetime 2024-06 --asset redd=x.tif --storage {store}",
    "land sentinel-2-l2a --id x --datetime 2024-06 --asset red --storage {store}",
    "overviews nothing --storage {store}",
    f"composite sentinel-2-l2a {BOX} --datetime 2024-06 --bands red,nir --dry-run --storage {{store}}",
    f"composite sentinel-2-l2a {BOX} --datetime 2010-06 --bands red --storage {{store}}",
    f"composite sentinel-2-l2a {BOX} --datetime 2024-06 --bands redd --storage {{store}}",
    f"composite naip {BOX} --datetime 2018 --bands red --storage {{store}}",
    f"ingest nothing {BOX} --datetime 2024-06 --storage {{store}}",
    f"ingest earth-search-sentinel-2-l2a {BOX} --datetime soon --storage {{store}}",
    f"ingest earth-search-sentinel-2-l2a {BOX} --datetime 2024-06 --bands redd --storage {{store}}",
    "migrate",
    "areas list",
    "areas delete",
    "regions check",
    "regions check --file {store}/collections/naip/collection.json",
    "keys new x nothing",
    "keys new : write",
)
"""Arguments of the command; `{store}` is the folder of the store. None of them writes anything."""


def all_lines() -> list[Question]:
    """A question for each."""
    return [Question("command", line, COMMAND) for line in LINES]
