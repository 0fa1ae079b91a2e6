"""Described: requests made from the OpenAPI document, and answers held against it, by schemathesis."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import httpx
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from schemathesis import APIOperation, Case, GenerationMode, checks
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok

from scripts.fuzzing.known import CORNERS, IN_QUERY, TILES
from scripts.fuzzing.sending import sent, turns
from scripts.fuzzing.tally import Failure, Tally

AnyOperation: TypeAlias = APIOperation[Any, Any, Any, Any]
AnyCase: TypeAlias = Case[Any]

PROMISES = (
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
)
"""What an answer is held against; that it is not a 500 and in time, `Tally.note` does for all.

Not by schemathesis: the schema of the body, since 4.32 makes of `prefixItems` what JSON Schema 2020-12, the
dialect of OpenAPI 3.1, refuses."""

EXAMPLES = 12
"""Requests of an operation in a row."""

QUIETLY = settings(
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@dataclass(frozen=True, slots=True)
class Described:
    """A document and its operations."""

    document: Mapping[str, Any]
    operations: tuple[AnyOperation, ...]

    @classmethod
    def read(cls, document: dict[str, Any]) -> "Described":
        """Read an OpenAPI document."""
        schema = schemathesis.openapi.from_dict(document, config=schemathesis.Config())
        return cls(
            document, tuple(found.ok() for found in schema.get_all_operations() if isinstance(found, Ok))
        )

    def schema_of(self, operation: AnyOperation, answer: httpx.Response) -> dict[str, Any] | None:
        """Return the schema of an answer's body, which may refer to components; None where none is told."""
        told = self.document["paths"][operation.path][operation.method.lower()]["responses"]
        status = str(answer.status_code)
        described = told.get(status) or told.get(f"{status[0]}XX") or {}
        media_type = answer.headers.get("content-type", "").partition(";")[0].strip()
        schema = described.get("content", {}).get(media_type, {}).get("schema")
        return None if schema is None else {**schema, "components": self.document["components"]}


def name_of(operation: AnyOperation) -> str:
    """Return how an operation is told: its method and path."""
    return f"{operation.method.upper()} {operation.path}"


@st.composite
def cases(draw: st.DrawFn, operation: AnyOperation, known: Mapping[str, Sequence[Any]]) -> AnyCase:
    """Draw a request of an operation: as described or not, half of the time with values that exist."""
    takes_something = bool(operation.body) or any(True for _ in operation.iter_parameters())
    modes = [GenerationMode.POSITIVE, *([GenerationMode.NEGATIVE] if takes_something else [])]
    case = draw(st.one_of([operation.as_strategy(generation_mode=mode) for mode in modes]))
    if draw(st.booleans()):
        _use_known(draw, case, known)
    return case


def _use_known(draw: st.DrawFn, case: AnyCase, known: Mapping[str, Sequence[Any]]) -> None:
    where = dict(zip("zxy", draw(st.sampled_from(TILES)), strict=True))
    where |= dict(zip(("minx", "miny", "maxx", "maxy"), draw(st.sampled_from(CORNERS)), strict=True))
    for name in case.path_parameters:
        if name in where:
            case.path_parameters[name] = where[name]
        elif name in known:
            case.path_parameters[name] = draw(st.sampled_from(known[name]))
    for name in list(case.query):
        choice = draw(st.integers(0, 3))
        if choice == 0 or (choice < 3 and name not in IN_QUERY):
            del case.query[name]
        elif choice < 3:
            case.query[name] = draw(st.sampled_from(IN_QUERY[name]))


def request_of(
    client: httpx.Client | httpx.AsyncClient, case: AnyCase, headers: Mapping[str, str]
) -> httpx.Request | None:
    """Return a case as a request that a client can send; None where HTTP cannot say it."""
    base_url = str(client.base_url).rstrip("/")
    try:
        prepared = requests.Request(**case.as_transport_kwargs(base_url=base_url)).prepare()
        said = [(name.encode("latin-1"), _header(value)) for name, value in prepared.headers.items()]
        said += [(name.encode(), value.encode()) for name, value in headers.items()]
        body = prepared.body.encode() if isinstance(prepared.body, str) else prepared.body
        return client.build_request(case.method, str(prepared.url), headers=said, content=body or None)  # type: ignore[arg-type]
    except (requests.RequestException, httpx.InvalidURL, UnicodeError):
        return None


def _header(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("latin-1")


def hold_against(tally: Tally, described: Described, case: AnyCase, answer: httpx.Response) -> None:
    """Note where an answer is not as the document describes it."""
    name = name_of(case.operation)
    try:
        case.validate_response(answer, checks=list(PROMISES))
    except FailureGroup as group:
        for failure in group.exceptions:
            tally.fail(name, Failure(str(getattr(failure, "title", failure)), str(failure), answer.request))
    schema = described.schema_of(case.operation, answer)
    if schema is not None and "json" in answer.headers["content-type"]:
        for error in Draft202012Validator(schema).iter_errors(answer.json()):
            tally.fail(
                name, Failure(f"not as its schema at {error.json_path}", error.message, answer.request)
            )


def fuzz(
    client: httpx.Client,
    described: Described,
    known: Mapping[str, Sequence[Any]],
    tally: Tally,
    *,
    headers: Callable[[], Mapping[str, str]],
    number: int,
    until: float,
) -> None:
    """Send requests of every operation in turn until a time.

    Args:
        client: Of the server.
        described: What it says it does.
        known: Values of parameters that exist.
        tally: Where answers are counted.
        headers: What every request has, chosen for each.
        number: From which everything is drawn.
        until: Of `time.monotonic`.
    """
    for turn in turns(until):
        for place, operation in enumerate(described.operations):

            @seed(number + 1000 * turn + place)
            @settings(QUIETLY, max_examples=EXAMPLES)
            @given(cases(operation, known))
            def ask(case: AnyCase) -> None:
                if time.monotonic() < until:
                    send(client, described, tally, case, headers())

            if time.monotonic() < until:
                ask()


def send(
    client: httpx.Client, described: Described, tally: Tally, case: AnyCase, headers: Mapping[str, str]
) -> None:
    """Send a case and note what came of it."""
    request = request_of(client, case, headers)
    if request is None:
        return
    name = name_of(case.operation)
    answer = sent(client, tally, name, request)
    if answer is not None:
        hold_against(tally, described, case, answer)
