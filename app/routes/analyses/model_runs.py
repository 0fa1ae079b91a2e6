"""Runs of models: what a request for a scene means where it names a model."""

import asyncio

from app.errors import RequestError
from app.http.periods import chosen_periods
from app.jobs.model_runs import ModelRunRequest
from app.models.description import ModelDescription
from app.models.finding import model_of
from app.models.results import bands_product
from app.state import AppState
from mosaics.bbox import Bbox


async def named_model(state: AppState, name: str) -> ModelDescription:
    """Return the model of a name; errors as `model_of`."""
    return await asyncio.to_thread(model_of, state.settings, name)


def model_run(
    state: AppState, model: ModelDescription, box: Bbox, toi: str | None, *, probability: bool
) -> ModelRunRequest:
    """Return the run of a model over a box; without a time over the latest period of its collection.

    Raises:
        NothingLandedError: If nothing has landed for it at that time.
        RequestError: If the time has more than one period.
    """
    _, selection = chosen_periods(state, bands_product(model), toi)
    if len(selection.periods) != 1:
        raise RequestError(f"a model looks at one period at a time; toi has {len(selection.periods)}")
    when = selection.periods[0].text if toi is None else toi
    return ModelRunRequest(aoi=box, toi=when, model=model.id, probability=probability)
