"""`scripts/corpus`: what a build answers, recorded and compared."""

import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click
import httpx

from scripts.corpora import landed, questions, recording
from scripts.corpora.asking import Question, ask, run_command
from scripts.corpora.checkout import Checkout
from scripts.corpora.comparing import Difference, differing_answers, differing_landings
from scripts.corpora.expected import Expected, ExpectedFileError, read_expected
from scripts.corpora.landing import land_all
from scripts.corpora.questions import areas, commands
from scripts.corpora.recording import Exchange, Recording, Run, store_of
from scripts.corpora.serving import serving, wait_until_followed

folder_argument = click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))

SHOWN = 6
"""Differences of one request that are shown where not all are asked for."""

ABSENT = "The real scenes are not here (../shared/data beside the checkout); going on without them."


@click.group()
def main() -> None:
    """Record what this checkout answers, or compare it with what another build answered."""
    # A signal that ends this ends its servers and removes its folders, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


@main.command()
@folder_argument
def record(folder: Path) -> None:
    """Land the scenes of the corpus into DIR, ask every question and keep the answers there.

    A recording of the same commit that was interrupted after landing goes on from there.
    """
    began = time.monotonic()
    if (folder / "recording.json").exists():
        raise click.ClickException(f"there is a recording in {folder} already; give another folder")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tilewatch-corpus-") as name:
        checkout = Checkout(Path.cwd(), Path(name))
        real = checkout.real_scenes
        if real is None:
            click.echo(ABSENT, err=True)
        about = checkout.about() | {"real": real is not None}
        landed_by = folder / "landed"
        if not landed_by.exists() or landed_by.read_text() != about["commit"]:
            shutil.rmtree(store_of(folder), ignore_errors=True)
            land_all(checkout, store_of(folder), Path(name) / "drawn", real)
            landed_by.write_text(about["commit"])
            click.echo(f"Landed after {time.monotonic() - began:.0f} s.", err=True)
        with serving(checkout, store_of(folder)) as client:
            started = datetime.now(UTC)
            exchanges = [Exchange(each, ask(client, each)) for each in areas.register()]
            wait_until_followed(client, store_of(folder), areas.KEPT)
            exchanges += ask_all(client)
            ended = datetime.now(UTC)
        exchanges += [
            Exchange(each, run_command(checkout, store_of(folder), each)) for each in commands.all_lines()
        ]
    recording.write(Recording(about, Run(started, ended), exchanges), folder)
    for kind, statuses in counted(exchanges).items():
        said = ", ".join(f"{status}: {count}" for status, count in sorted(statuses.items()))
        click.echo(f"{kind:24}{sum(statuses.values()):5}  {said}")
    click.echo(f"{len(exchanges)} requests recorded in {folder} after {time.monotonic() - began:.0f} s.")


@main.command()
@folder_argument
@click.option(
    "--expected",
    "expected_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Differences that are meant, with reasons; DIR/expected.toml where it is there.",
)
@click.option("--all", "everything", is_flag=True, help="Show every difference of each request.")
@click.option("--no-landing", is_flag=True, help="Compare answers only: nothing is landed again.")
def compare(folder: Path, *, expected_file: Path | None, no_landing: bool, everything: bool) -> None:
    """Ask this checkout what DIR has recorded and land the scenes again; status 1 where anything differs."""
    began = time.monotonic()
    recorded = recording.read(folder)
    usual = folder / "expected.toml"
    if expected_file is None and usual.exists():
        expected_file = usual
    try:
        expected = read_expected(expected_file) if expected_file else []
    except ExpectedFileError as error:
        raise click.ClickException(str(error)) from error
    about = recorded.about
    click.echo(f"Compared with {about['commit'][:10]} ({about['title']}).")
    with tempfile.TemporaryDirectory(prefix="tilewatch-corpus-") as name:
        checkout = Checkout(Path.cwd(), Path(name))
        found = list(differing_answers(checkout, recorded, folder))
        if not no_landing:
            found += differing_landings(checkout, recorded, folder)
    meant = [each for each in found if any(_covers(one, each) for one in expected)]
    others = [each for each in found if each not in meant]
    show(others, None if everything else SHOWN)
    for one in expected:
        times = sum(_covers(one, each) for each in found)
        click.echo(f"Expected, {times} times: {one.reason}")
    files = 0 if no_landing else landed.count(store_of(folder))
    click.echo(
        f"{len(recorded.exchanges)} requests and {files} landed files: {_requests(others)} differ, "
        f"{_requests(meant)} as expected; {time.monotonic() - began:.0f} s."
    )
    if others:
        raise SystemExit(1)


def ask_all(client: httpx.Client) -> list[Exchange]:
    """Ask every question of the corpus, one after the other."""
    exchanges = []
    for asking in questions.ALL:
        following = asking()
        question: Question | None = next(following)
        while question is not None:
            answer = ask(client, question)
            exchanges.append(Exchange(question, answer))
            try:
                question = following.send(answer)
            except StopIteration:
                question = None
            except (LookupError, ValueError) as error:
                asked = exchanges[-1].question.text
                raise click.ClickException(f"{asked}: {answer.status}, and {error!r}") from error
    return exchanges


def counted(exchanges: Sequence[Exchange]) -> dict[str, Counter[int]]:
    """How often each status came, kind by kind."""
    found: dict[str, Counter[int]] = {}
    for each in exchanges:
        found.setdefault(each.question.kind, Counter())[each.answer.status] += 1
    return found


def show(found: Sequence[Difference], most: int | None) -> None:
    """Print differences, kind by kind; of each request so many at most, all where None."""
    for kind in dict.fromkeys(each.kind for each in found):
        of_kind = [each for each in found if each.kind == kind]
        requests = dict.fromkeys(each.request for each in of_kind)
        click.echo(f"\n{kind}: {len(requests)} differ")
        for request in requests:
            click.echo(f"  {request}")
            told = [each.what for each in of_kind if each.request == request]
            for what in told[:most]:
                click.echo(f"      {what}")
            if most is not None and len(told) > most:
                click.echo(f"      and {len(told) - most} more; --all shows them")
    if found:
        click.echo()


def _requests(found: Sequence[Difference]) -> int:
    return len({each.request for each in found})


def _covers(one: Expected, difference: Difference) -> bool:
    return one.covers(difference.kind, difference.request, difference.what)


if __name__ == "__main__":
    main()
