"""`tilewatch composite`: a month of landed scenes becomes one picture without clouds."""

import asyncio
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click

from app.cli.descriptions import read_collections
from app.cli.exit import refusing
from app.cli.ingest import bbox_option
from app.cli.land import REFUSALS, overviews_option, storage_option
from app.cli.low_zooms import bring_overviews
from app.cli.reporting import Reporter, json_option, reporting, size_text
from app.settings import Settings
from ingest.compositing.composing import compose, progress_steps
from ingest.compositing.cube import cube_bytes, require_new, write_cube
from ingest.compositing.plan import CompositePlan, is_composed, plan_composite
from ingest.compositing.reducing import METHODS
from ingest.compositing.request import CompositeError, CompositeRequest, composite_orders
from ingest.compositing.scene_reader import UnreadableSceneError
from ingest.compositing.scene_selection import NoScenesError, SceneSelection, select_scenes
from ingest.compositing.schedulers import BlockScheduler, ClusterError, scheduler_at
from ingest.compositing.stacking import Stacking, stacking
from ingest.landing import require_space
from mosaics.bbox import Bbox, BboxError
from mosaics.log import read_state
from mosaics.storage import Storage, open_storage

MAX_UNREADABLE = 10
"""Scenes of a composite that are left out since their files cannot be read; if it is more, the storage or the
cluster is at fault."""

ALL_REFUSALS = (*REFUSALS, BboxError, ClusterError, CompositeError, UnreadableSceneError)


@click.command()
@click.argument("collection")
@bbox_option
@click.option(
    "--datetime", "when", required=True, metavar="T", help="When: 2024-06, or A/B for one composite a month."
)
@click.option("--bands", required=True, metavar="A,B", help="Bands of the collection: red,green,blue.")
@click.option(
    "--method",
    type=click.Choice(list(METHODS)),
    default="median",
    show_default=True,
    help="What is taken of a pixel's clear observations.",
)
@click.option(
    "--zarr",
    "cube",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Also write all observations as Zarr: (time, y, x), masked and scaled.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would be made, and of what.")
@overviews_option
@json_option
@storage_option
def composite(
    *,
    collection: str,
    bbox: str,
    when: str,
    bands: str,
    method: str,
    cube: Path | None,
    dry_run: bool,
    overviews: bool,
    as_json: bool,
    storage: str | None,
) -> None:
    """Make a composite of the scenes of COLLECTION that have landed, and land it.

    Its clouds are left out, scene by scene; where TILEWATCH_DASK_SCHEDULER is set, that cluster computes.

    \b
    tilewatch composite sentinel-2-l2a --bbox 5.0,51.1,5.3,51.3 \\
        --datetime 2024-06 --bands red,green,blue,nir
    """  # noqa: D301 - click needs the backspace
    with reporting("Compositing", as_json=as_json) as told, refusing(*ALL_REFUSALS):
        settings = Settings()
        orders = composite_orders(
            read_collections(settings),
            collection,
            box=Bbox.parse(bbox),
            when=when,
            bands=tuple(filter(None, map(str.strip, bands.split(",")))),
            method=method,
        )
        if cube is not None:
            if len(orders) > 1:
                raise CompositeError(f"a cube is of one period; '{when}' has {len(orders)}.")
            require_new(cube)
        work = CompositeRun(settings, told, cube, dry_run=dry_run, overviews=overviews)

        async def run() -> None:
            async with await open_storage(storage or settings.storage) as opened:
                await work.run(opened, orders)

        asyncio.run(run())


@dataclass(frozen=True, slots=True)
class CompositeRun:
    """Composites to be made, and what is said on the way."""

    settings: Settings
    told: Reporter
    cube: Path | None
    dry_run: bool
    overviews: bool
    threads: int = os.cpu_count() or 1

    async def run(self, storage: Storage, orders: tuple[CompositeRequest, ...]) -> None:
        """Make them one after the other; of several, leave out those that have no scenes."""
        planned = []
        for order in orders:
            try:
                planned.append(await self._plan(storage, order))
            except NoScenesError as error:
                if len(orders) == 1:
                    raise
                self.told.warn(f"{order.period.text}: {error}")
        if not planned:
            raise CompositeError("none of these periods has a scene that can be used; see above.")
        if self.dry_run:
            return
        progress = self._bar(sum(map(progress_steps, planned)))
        made = []
        for plan in planned:
            try:
                made.append(await self._make_and_say(storage, plan, progress))
            except (NoScenesError, UnreadableSceneError) as error:
                if not made and plan is planned[-1]:
                    raise
                self.told.warn(f"{plan.order.period.text}: {error}")
        if self.overviews:
            target, periods = orders[0].target, [plan.order.period for plan in made]
            await bring_overviews(storage, target.collection.id, target.clear, self.told, periods)
        self.told.result(
            collection=orders[0].target.collection.id,
            scenes=[plan.order.id for plan in made],
            periods=[plan.order.period.text for plan in made],
            left_out={scene: why for plan in made for scene, why in plan.selection.left_out.items()},
        )

    async def _plan(self, storage: Storage, order: CompositeRequest) -> CompositePlan:
        plan = self._plan_of(order, await select_scenes(storage, order))
        self._say_plan(plan)
        return plan

    def _plan_of(self, order: CompositeRequest, selection: SceneSelection) -> CompositePlan:
        max_pixels = self.settings.composite_max_pixels
        return plan_composite(order, selection, threads=self.threads, max_pixels=max_pixels)

    async def _make_and_say(
        self, storage: Storage, plan: CompositePlan, progress: Callable[[int], None]
    ) -> CompositePlan:
        """Make a composite and say so; return the plan by which it was made."""
        began, order = time.monotonic(), plan.order
        plan, commit = await self._make_of_readable(storage, plan, progress)
        if commit is None:
            progress(progress_steps(plan))
            self.told.say(f"{order.id} is landed already, exactly so; nothing changed.")
        else:
            self.told.say(
                f"Landed {order.id} in {order.target.collection.id}: {', '.join(order.bands)}; period "
                f"{order.period.text}; commit {commit}; {time.monotonic() - began:.0f} s."
            )
        self.told.landed(order.target.collection.id, order.id, order.period.text, commit)
        return plan

    async def _make_of_readable(
        self, storage: Storage, plan: CompositePlan, progress: Callable[[int], None]
    ) -> tuple[CompositePlan, int | None]:
        """Make a composite, without scenes whose files turn out to be unreadable; begin again at each.

        Raises:
            UnreadableSceneError: If more than ten cannot be read.
            NoScenesError: If none is left.
        """
        for _ in range(MAX_UNREADABLE):
            try:
                return plan, await self._make(storage, plan, progress)
            except UnreadableSceneError as error:
                if error.scene_id not in {scene.id for scene in plan.selection.scenes}:
                    raise
                if self.cube is not None:
                    await asyncio.to_thread(shutil.rmtree, self.cube, ignore_errors=True)
                plan = self._plan_of(plan.order, plan.selection.without(error.scene_id, str(error)))
                self.told.warn(f"{error.scene_id} is left out: {error}")
        return plan, await self._make(storage, plan, progress)

    async def _make(
        self, storage: Storage, plan: CompositePlan, progress: Callable[[int], None]
    ) -> int | None:
        """Compute what is asked and not there yet; return the commit, or None where nothing changed."""
        order = plan.order
        composed = is_composed(plan, await read_state(storage, order.target.collection.id))
        if composed and self.cube is None:
            return None
        rule, options = order.composition.mask, storage.gdal_options()
        reading = stacking(plan.selection.scenes, rule, options, order.composition.also)
        with scheduler_at(self.settings.dask_scheduler, self.threads) as scheduler:
            if self.cube is not None:
                await asyncio.to_thread(self._write_cube, plan, reading, scheduler)
            if composed:
                return None
            return (await compose(storage, plan, reading, scheduler, progress)).commit

    def _write_cube(self, plan: CompositePlan, reading: Stacking, scheduler: BlockScheduler) -> None:
        assert self.cube is not None  # noqa: S101 - asked only where there is one
        finest, bands = plan.grids[0].geobox, plan.order.bands
        require_space(
            self.cube.parent,
            cube_bytes(finest, plan.passes, bands),
            work="the cube",
            remedy="name a folder on a larger disk",
        )
        write_cube(plan.order, reading, plan.passes, finest, self.cube, side=plan.side, run=scheduler.run)
        self.told.say(f"Wrote {self.cube}: {', '.join(bands)}; {len(plan.passes)} times.")

    def _bar(self, total: int) -> Callable[[int], None]:
        done = 0

        def progress(steps: int) -> None:
            nonlocal done
            done = min(done + steps, total)
            self.told.progress(done, total, "steps")

        return progress

    def _say_plan(self, plan: CompositePlan) -> None:
        order, finest = plan.order, plan.grids[0]
        height, width = finest.geobox.shape.yx
        scenes, passes = len(plan.selection.scenes), len(plan.passes)
        self.told.say(
            f"{order.period.text}: {_counted(scenes, 'scene')} of {_counted(passes, 'overpass')}; {width} x "
            f"{height} pixels of {abs(finest.geobox.resolution.x):g} in {finest.crs}, "
            f"{size_text(plan.bytes)}; blocks of {plan.side}."
        )
        for note in plan.notes:
            self.told.warn(note)
        if self.dry_run:
            for scene in plan.selection.scenes:
                self.told.say(f"    {scene.id}  {scene.record.start:%Y-%m-%d %H:%M}Z")


def _counted(count: int, thing: str) -> str:
    plural = f"{thing}es" if thing.endswith("s") else f"{thing}s"
    return f"{count} {thing if count == 1 else plural}"
