"""Bodies: the JSON object of a request, read only after the request is known to be allowed."""

import asyncio
import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends
from starlette.exceptions import HTTPException
from starlette.requests import Request

from app.errors import RequestError


async def json_object(request: Request) -> Mapping[str, Any]:
    """Return the JSON object in a request's body.

    Only JSON media types are accepted: a page of another site cannot send those without a preflight.

    Raises:
        HTTPException: If the media type is another; status 415.
        RequestError: If the body is not a JSON object.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise HTTPException(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "Send the body with Content-Type application/json or application/geo+json.",
        )
    body = await request.body()
    try:
        document = await asyncio.to_thread(json.loads, body)
    except json.JSONDecodeError as error:
        raise RequestError(
            f"the body is not valid JSON: {error.msg}, line {error.lineno}, column {error.colno}"
        ) from error
    except (ValueError, RecursionError) as error:
        raise RequestError(
            "the body cannot be read: it is not UTF-8, is nested too deeply, or contains a number with "
            "thousands of digits"
        ) from error
    if not isinstance(document, dict):
        raise RequestError("the body is not a JSON object")
    return document


JsonObject = Annotated[Mapping[str, Any], Depends(json_object)]
