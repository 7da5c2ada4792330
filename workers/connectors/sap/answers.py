"""What SAP's answers mean: what was asked for, nothing, a pause, a fault of ours, another version, or no answer at all.

The form of an error: OData v2, and ``innererror`` as SAP Gateway fills it. Its codes are a message class and a number
(``R11/124``) or the name of an exception; its words are left out, as they repeat the values.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from workers.connectors.answers import (
    REFUSED_SECONDS,
    Answer,
    Json,
    SystemConflict,
    SystemDown,
    SystemPause,
    SystemRefused,
    dicts,
    parsed,
)
from workers.runtime.outside_http import UNTOLD_SECONDS

_CODE = re.compile(r"[A-Za-z0-9_./-]{1,60}")
_PROPERTY = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,79}")

_LOCKED = "MC/601"
"""Somebody has the object open."""

_ADVICE = {
    403: (
        "Our user may not do it: see its business role, or the communication arrangement (SAP_COM_0008 for business partners,"
        " SAP_COM_0109 for sales orders)."
    ),
    405: "The service does not offer it.",
    501: "The service does not offer it.",
}
_DEFAULT_ADVICE = "Mend the value, or the mapping; `fairlead connect check sap` holds it against SAP's fields."


def csrf_required(answer: Answer) -> bool:
    """Whether a change was not made because its CSRF token, or the session of that, is over."""
    return answer.status == 403 and answer.headers.get("x-csrf-token", "").lower() == "required"


def read(answer: Answer, what: str) -> object:
    """What an answer brings (``d``), an empty object for one without content; None for 404. `what` was to be done.

    Raises:
        SystemDown: a failure of the server, or no OData where there should be some.
        SystemPause: SAP asks to be left alone, or refuses the log-in.
        SystemConflict: the entity is another version by now, or somebody has it open.
        SystemRefused: the request can't be right.
    """
    status = answer.status
    if status == 204:
        return {}
    if status == 429 or (status >= 500 and answer.pause):
        seconds = UNTOLD_SECONDS if answer.pause is None else max(answer.pause, 1.0)
        raise SystemPause(f"SAP asks for a pause (status {status}).", seconds)
    if status == 401:
        raise SystemPause(
            "SAP refuses our log-in (401): see the user and its password, or the OAuth client.", REFUSED_SECONDS
        )
    if status == 412:
        raise SystemConflict(f"SAP did not {what}: somebody changed it meanwhile; it is read again.")
    if status == 428:
        raise SystemConflict(f"SAP did not {what}, as it was not told of which version; it is read again.")
    if csrf_required(answer):
        raise SystemDown(
            f"SAP did not {what}: it refuses a token that it just gave. Does its session cookie get through?"
        )
    found = parsed(answer.content)
    error = found.get("error") if isinstance(found, dict) else None
    if isinstance(error, dict):
        codes, fields = _codes(error), tuple(dict.fromkeys(_fields(error)))
        if status == 423 or _LOCKED in codes:
            raise SystemConflict(f"SAP could not {what}: somebody has it open; it is tried again.")
        if status == 404:
            return None
        said = (", ".join(codes) or "UNKNOWN") + (f" ({', '.join(fields)})" if fields else "")
        if status >= 500 and status != 501:
            raise SystemDown(f"SAP could not {what} now (status {status}, {said}).")
        raise SystemRefused(f"SAP refuses to {what}: {said}. {_ADVICE.get(status, _DEFAULT_ADVICE)}")
    if status == 403:
        raise SystemRefused(f"SAP refuses to {what}. {_ADVICE[status]}")
    if status not in {200, 201} or not isinstance(found, dict) or "d" not in found:
        raise SystemDown(f"SAP could not {what} ({answer.form}).")
    content: object = found["d"]
    return content


def _codes(error: Json) -> tuple[str, ...]:
    codes = [error.get("code"), *(one.get("code") for one in _details(error))]
    return tuple(dict.fromkeys(one for one in codes if isinstance(one, str) and _CODE.fullmatch(one)))[:5]


def _fields(error: Json) -> Iterator[str]:
    for one in _details(error):
        for name in (one.get("propertyref"), one.get("target")):
            last = name.rpartition("/")[2] if isinstance(name, str) else ""
            if _PROPERTY.fullmatch(last):
                yield last


def _details(error: Json) -> list[Json]:
    inner = error.get("innererror")
    return dicts(inner.get("errordetails")) if isinstance(inner, dict) else []
