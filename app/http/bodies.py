"""Bodies: the JSON document of a request, read only once it is clear that it may be sent."""

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
    """The JSON object a request carries.

    Only as a media type of JSON: a page of another site cannot send those without asking first.
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
            f"the body is no JSON: {error.msg}, line {error.lineno}, column {error.colno}"
        ) from error
    except (ValueError, RecursionError) as error:
        raise RequestError(
            "the body cannot be read: it is no UTF-8, is nested too deeply, or has a number of thousands of "
            "digits"
        ) from error
    if not isinstance(document, dict):
        raise RequestError("the body is not a JSON object")
    return document


JsonObject = Annotated[Mapping[str, Any], Depends(json_object)]
