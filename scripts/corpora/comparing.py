"""Comparing: every question of a recording asked again, and every scene landed again."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click

from scripts.corpora.asking import COMMAND, ask, run_command
from scripts.corpora.checkout import Checkout
from scripts.corpora.differing import differences
from scripts.corpora.landed import differing_files
from scripts.corpora.landing import land_all
from scripts.corpora.normalising import normalised
from scripts.corpora.questions import areas
from scripts.corpora.recording import Exchange, Recording, Run, store_of
from scripts.corpora.serving import serving, wait_until_followed


@dataclass(frozen=True, slots=True)
class Difference:
    """Something another build does otherwise."""

    kind: str
    request: str
    """The question, or the key of a landed file."""
    what: str


def differing_answers(checkout: Checkout, recorded: Recording, folder: Path) -> Iterator[Difference]:
    """Ask what was asked, over the same store, and tell what is answered otherwise."""
    store, asked = store_of(folder), [each.question for each in recorded.exchanges]
    first = len(areas.REGISTERED)
    with serving(checkout, store) as client:
        began = datetime.now(UTC)
        found = [ask(client, each) for each in asked[:first]]
        wait_until_followed(client, store, areas.KEPT)
        found += [
            run_command(checkout, store, each) if each.method == COMMAND else ask(client, each)
            for each in asked[first:]
        ]
        now = Run(began, datetime.now(UTC))
    for old, answer in zip(recorded.exchanges, found, strict=True):
        new = Exchange(old.question, answer)
        for what in differences(normalised(old, recorded.run), normalised(new, now)):
            yield Difference(old.question.kind, old.question.text, what)


def differing_landings(checkout: Checkout, recorded: Recording, folder: Path) -> Iterator[Difference]:
    """Land everything into a fresh store, and tell what comes to lie there otherwise."""
    real = checkout.real_scenes
    if recorded.about["real"] and real is None:
        raise click.ClickException(
            "the recording has the real scenes, which are not here (../shared/data beside the checkout)"
        )
    store = checkout.work / "store"
    land_all(checkout, store, checkout.work / "drawn", real if recorded.about["real"] else None)
    for key, what in differing_files(store_of(folder), store):
        yield Difference("landed file", key, what)
