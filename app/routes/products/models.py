"""Models: the networks that can be asked to name classes."""

import asyncio

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from app.http.parameters import OpenState, known_names, revalidated
from app.models.description import ModelClass, read_models
from app.models.finding import NoModelsError, folder_of
from app.settings import Settings

router = APIRouter(tags=["products"], dependencies=[Depends(known_names), Depends(revalidated)])


class ModelFacts(BaseModel):
    """A network, what it reads and what it finds."""

    name: str
    title: str
    description: str
    collection: str
    """Whose scenes it reads."""
    bands: list[str]
    pixel_m: float
    classes: list[ModelClass]
    product: str
    """The product that shows what it finds."""
    license: str
    source: str
    version: str
    sha256: str
    references: list[str]


class ModelList(BaseModel):
    """The models there are."""

    models: list[ModelFacts]
    problem: str | None
    """Why none can be run, and what to do about it; null where they can."""


@router.get("/models", name="models")
async def list_models(state: OpenState) -> ModelList:
    """List the networks of this deployment, and say why none can be run where that is so."""
    found = await asyncio.to_thread(read_models, state.settings.models)
    return ModelList(
        problem=_problem(state.settings),
        models=[
            ModelFacts(name=model.id, product=model.results, **model.model_dump(include=FACTS))
            for model in found.values()
        ],
    )


def _problem(settings: Settings) -> str | None:
    try:
        folder_of(settings)
    except NoModelsError as error:
        return str(error)
    return None


FACTS = set(ModelFacts.model_fields) - {"name", "product"}
