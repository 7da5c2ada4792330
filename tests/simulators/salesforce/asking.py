"""What any request must be: of a version that is served, with JSON where there should be some."""

from __future__ import annotations

import json
import re
from typing import Any

from fastapi import Request

from tests.simulators.salesforce.problems import Problem

VERSIONS = range(46, 69)
ROOT = "/services/data/{version}"


def known(version: str) -> str:
    if not re.fullmatch(r"v\d\d\.0", version) or int(version[1:3]) not in VERSIONS:
        raise Problem(404, "NOT_FOUND", "The requested resource does not exist")
    return version


async def body_of(request: Request, kind: type) -> Any:
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        raise Problem(415, "UNSUPPORTED_MEDIA_TYPE", "Content type not supported")
    try:
        body = json.loads(await request.body())
    except ValueError:
        raise Problem(400, "JSON_PARSER_ERROR", "Unexpected character") from None
    if not isinstance(body, kind):
        raise Problem(400, "JSON_PARSER_ERROR", "Unexpected token")
    return body
