"""Pages: of collections, whose token is the id after which one begins, and the address of the next of any."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Protocol, TypeVar

from fastapi import Query
from starlette.requests import Request

PAGE = 100
"""Collections per page; each takes some 7 kB of JSON."""

MAX_PAGE = 1000

Limit = Annotated[int, Query(ge=1, description=f"Collections per page; more than {MAX_PAGE} are {MAX_PAGE}.")]

Token = Annotated[
    str | None, Query(max_length=200, description="Where a page begins, as its next link has it.")
]


class Named(Protocol):
    """What has an id."""

    @property
    def id(self) -> str:
        """The id."""


Item = TypeVar("Item", bound=Named)


@dataclass(frozen=True, slots=True)
class Page:
    """Which collections a page holds."""

    limit: int
    token: str | None

    def of(self, found: Sequence[Item]) -> tuple[list[Item], str | None]:
        """Return the page's part of what was found, and the token of the next page; None on the last.

        Args:
            found: Sorted by id.
        """
        after = [each for each in found if self.token is None or each.id > self.token]
        here = after[: min(self.limit, MAX_PAGE)]
        return here, here[-1].id if here and len(here) < len(after) else None


async def asked_page(limit: Limit = PAGE, token: Token = None) -> Page:
    """Return the page that a request asks for."""
    return Page(limit, token)


def next_query(request: Request, token: str) -> str:
    """Return the query of the next page: that of the request, with its token."""
    return request.url.include_query_params(token=token).query
