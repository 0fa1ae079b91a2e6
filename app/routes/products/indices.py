"""Indices: which published ones a collection can have, and why it cannot have the others."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

from app.http.parameters import ReadyState, known_names, revalidated
from app.products.indices.catalogue import ExpectedRange, catalogue
from app.products.indices.translating import UntranslatableIndexError, translate
from mosaics.collection import Collection

router = APIRouter(tags=["products"], dependencies=[Depends(known_names), Depends(revalidated)])


class Index(BaseModel):
    """A published index over a collection."""

    name: str
    title: str
    domain: str
    formula: str
    """As published."""
    expression: str
    """Over the collection's bands."""
    bands: dict[str, str]
    """The collection's bands by the letters of the formula."""
    constants: dict[str, float]
    """The numbers used, by name."""
    expected: ExpectedRange | None
    reference: str


class RefusedIndex(BaseModel):
    """An index that the collection cannot have."""

    name: str
    title: str
    reason: str


class IndexList(BaseModel):
    """The published indices of a collection."""

    collection: str
    source: str
    indices: list[Index]
    refused: list[RefusedIndex]


@router.get("/indices", name="indices")
async def list_indices(
    state: ReadyState,
    collection: Annotated[str, Query(description="A collection of /collections.")],
) -> IndexList:
    """List the published indices that a collection can have, and why it cannot have the others."""
    return await asyncio.to_thread(_listed, state.catalogue.collection(collection))


def _listed(over: Collection) -> IndexList:
    known = catalogue()
    source = f"{known.source} {known.version}, {known.license}"
    found = IndexList(collection=over.id, source=source, indices=[], refused=[])
    for name, entry in known.indices.items():
        facts = entry.model_dump(include={"title", "domain", "formula", "expected", "reference"})
        try:
            written = translate(name, over)
        except UntranslatableIndexError as error:
            found.refused.append(RefusedIndex(name=name, title=entry.title, reason=str(error)))
        else:
            found.indices.append(Index(name=name, **facts, **written._asdict()))
    return found
