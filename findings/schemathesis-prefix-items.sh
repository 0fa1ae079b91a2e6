#!/usr/bin/env bash
# schemathesis 4.32.5: in an OpenAPI 3.1 document an answer whose schema has `prefixItems` (what pydantic makes of a tuple)
# below a property cannot be validated at all. The check `response_schema_conformance` rewrites `prefixItems` into a list
# as `items`, the spelling of Draft 7, and then compiles the schema as Draft 2020-12, which refuses a list there: it raises
# `InvalidSchema`, "Invalid Schema Object in response definition", for a document that is valid and an answer that fits.
# jsonschema validates the same answer against the same document.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check schemathesis==4.32.5 jsonschema==4.26.0 httpx==0.28.1
"$folder/venv/bin/python" - <<'PYTHON'
from datetime import timedelta

import httpx
import jsonschema
import schemathesis
from schemathesis.core.errors import InvalidSchema
from schemathesis.specs.openapi.checks import response_schema_conformance

pair = {"type": "array", "prefixItems": [{"type": "number"}, {"type": "string"}], "minItems": 2, "maxItems": 2}
schema = {"type": "object", "properties": {"pair": pair}}
content = {"application/json": {"schema": schema}}
operation = {"responses": {"200": {"description": "A pair.", "content": content}}}
document = {"openapi": "3.1.0", "info": {"title": "A", "version": "1"}, "paths": {"/pair": {"get": operation}}}
request = httpx.Request("GET", "http://127.0.0.1/pair")
answer = httpx.Response(200, json={"pair": [1, "a"]}, request=request)
answer.elapsed = timedelta(seconds=0.1)
jsonschema.Draft202012Validator(schema).validate(answer.json())
print("jsonschema: valid")
loaded = schemathesis.openapi.from_dict(document, config=schemathesis.Config())
case = loaded["/pair"]["GET"].Case()
try:
    case.validate_response(answer, checks=[response_schema_conformance])
except InvalidSchema as error:
    print("schemathesis:", str(error).splitlines()[0])
else:
    raise SystemExit("schemathesis validates it: not as described")
print("as described")
PYTHON
