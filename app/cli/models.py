"""`tilewatch models`: checks networks that are files, and lets one name the classes of an area's pixels."""

import asyncio
from dataclasses import dataclass

import click

from app.cli.descriptions import read_collections, say_left_out
from app.cli.exit import CommandError, refusing
from app.cli.ingest import bbox_option
from app.cli.land import REFUSALS, overviews_option, storage_option
from app.cli.low_zooms import bring_overviews
from app.cli.model_landing import ModelResult, land_result
from app.cli.reporting import Reporter, json_option, reporting
from app.models.area import ModelAreaError, find_area
from app.models.checking import problems_of
from app.models.description import ModelDescription, ModelFileError, read_models
from app.models.finding import NoModelsError, UnknownModelError, bounds_of, folder_of, model_of
from app.models.running import ModelRun
from app.models.runtime import ModelRunError
from app.rendering.renderer import Renderer
from app.settings import Settings
from mosaics.bbox import Bbox, BboxError
from mosaics.catalogue import Catalogue
from mosaics.storage import Storage, open_storage

MODEL_REFUSALS = (
    *(*REFUSALS, BboxError),
    *(ModelAreaError, ModelFileError, ModelRunError, NoModelsError, UnknownModelError),
)


@click.group()
def models() -> None:
    """Check the models in TILEWATCH_MODELS, and run one over an area."""


@models.command()
@click.argument("names", nargs=-1)
def check(names: tuple[str, ...]) -> None:
    """Check all models, or those NAMED: description, checksum, bands, and a trial of the network."""
    with refusing(*MODEL_REFUSALS):
        settings = Settings()
        folder = folder_of(settings)
        collections, found = read_collections(settings), read_models(folder)
        say_left_out(found.left_out.values())
        wrong = len(found.left_out)
        for name in names or found:
            model = model_of(settings, name)
            problems = problems_of(model, folder, collections, bounds_of(settings))
            wrong += bool(problems)
            for problem in problems:
                click.echo(f"{model.id}: {problem}.", err=True)
            if not problems:
                click.echo(f"{model.id}  {model.title}; {model.version}, {model.license}; {model.collection}")
    if wrong:
        raise CommandError(f"{wrong} {'model does' if wrong == 1 else 'models do'} not fit; see above.")


@models.command()
@click.argument("name")
@bbox_option
@click.option("--datetime", "when", metavar="T", help="A period such as 2024-06, or an interval within one.")
@click.option("--probability", is_flag=True, help="Also land what share the network gives the class.")
@overviews_option
@json_option
@storage_option
def run(
    *,
    name: str,
    bbox: str,
    when: str | None,
    probability: bool,
    overviews: bool,
    as_json: bool,
    storage: str | None,
) -> None:
    """Let model NAME look at the scenes over a box, and land the classes it finds.

    They are a layer of their own at once, with legend and statistics: model-NAME.

    \b
    tilewatch models run clouds --bbox 5.0,51.1,5.3,51.3 --datetime 2024-06
    """  # noqa: D301 - click needs the backspace
    with reporting("Looking", as_json=as_json) as told, refusing(*MODEL_REFUSALS):
        settings = Settings()
        work = Running(settings, model_of(settings, name), told, probability, overviews)

        async def looked() -> None:
            async with await open_storage(storage or settings.storage) as opened:
                await work.run(opened, Bbox.parse(bbox), when)

        asyncio.run(looked())


@dataclass(frozen=True, slots=True)
class Running:
    """A model to be run, and who hears of it."""

    settings: Settings
    model: ModelDescription
    told: Reporter
    probability: bool
    overviews: bool

    async def run(self, storage: Storage, box: Bbox, when: str | None) -> None:
        """Look at the scenes over a box and land what is found."""
        catalogue = Catalogue(storage)
        await catalogue.refresh()
        area = await find_area(catalogue, self.model, box, when)
        work = ModelRun(self.model, folder_of(self.settings), bounds_of(self.settings))
        rows, columns = work.tilings(area)
        total, done = len(rows.starts) * len(columns.starts), 0
        self.told.say(
            f"{self.model.id} looks at {area.grid.width} x {area.grid.height} pixels of "
            f"{self.model.pixel_m:g} m in {area.grid.crs.to_string()}, {area.period.text}; {total} patches."
        )

        def progress(patches: int) -> None:
            nonlocal done
            done += patches
            self.told.progress(done, total, "steps")

        renderer = Renderer(catalogue, threads=1)
        try:
            found = work.over(area, catalogue, renderer, progress)
            source = catalogue.collection(self.model.collection)
            result = ModelResult(work, area, box, source, probability=self.probability)
            landing = await land_result(storage, catalogue, result, found)
        finally:
            renderer.close()
        for scene in work.skipped:
            self.told.warn(f"{scene} could not be read, and others stand in for it.")
        plan, commit = landing.plan, landing.commit
        said = "nothing changed" if commit is None else f"commit {commit}"
        self.told.say(f"Landed {plan.id} in {plan.collection.id}; period {plan.period.text}; {said}.")
        self.told.landed(plan.collection.id, plan.id, plan.period.text, commit)
        if self.overviews:
            await bring_overviews(storage, plan.collection.id, None, self.told, [plan.period])
        self.told.result(
            collection=plan.collection.id,
            scene=plan.id,
            period=plan.period.text,
            pixels=result.pixels(),
            scenes=list(work.used),
            skipped=list(work.skipped),
        )
