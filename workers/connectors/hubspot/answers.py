"""What HubSpot's answers mean: a record, nothing, a pause, a fault of ours, or no answer at all.

https://developers.hubspot.com/docs/reference/api/other-resources/error-handling and, for limits,
https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workers.connectors.answers import (
    DAILY_SECONDS,
    NAME,
    REFUSED_SECONDS,
    Answer,
    Json,
    SystemConflict,
    SystemDown,
    SystemPause,
    SystemRefused,
    code_in,
    dicts,
    names_in,
    parsed,
)
from workers.runtime.outside_http import UNTOLD_SECONDS

_CHANGED = "CHANGED_MEANWHILE"
"""No category of HubSpot's: we say so ourselves, and do not send."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What was wrong with one record of a batch. HubSpot's own words are left out: they repeat what was sent."""

    category: str
    properties: tuple[str, ...]

    @property
    def meanwhile(self) -> bool:
        """Whether it is `CHANGED`."""
        return self.category == _CHANGED

    def raised(self, what: str) -> Exception:
        """The exception that this fault is for who has only this record."""
        named = f" ({', '.join(self.properties)})" if self.properties else ""
        if self.category in {"CONFLICT", "OBJECT_ALREADY_EXISTS"}:
            return SystemConflict(f"HubSpot: another record has the same unique value{named}.")
        if self.meanwhile:
            return SystemConflict(f"HubSpot: somebody changed the record meanwhile, so we did not {what}.")
        if self.category in {"RATE_LIMITS", "TIMEOUT", "INTERNAL_ERROR", "SERVICE_UNAVAILABLE"}:
            return SystemDown(f"HubSpot could not {what} now ({self.category}).")
        return SystemRefused(
            f"HubSpot refuses to {what}: {self.category}{named}. Mend the value, the field in HubSpot or the mapping; "
            "`fairlead connect check hubspot` compares them."
        )


CHANGED = Fault(_CHANGED, ())
"""Of a record that somebody changed since it was read."""


def read(answer: Answer, what: str) -> Json | None:
    """The JSON object of an answer; None for 404. `what` says for messages what was to be done.

    Raises:
        SystemDown: a failure of the server, or no JSON where there should be some.
        SystemPause: a limit is reached, or the token is refused.
        SystemConflict: the record exists already.
        SystemRefused: the request can't be right.
    """
    status = answer.status
    found = parsed(answer.content)
    body = found if isinstance(found, dict) else None
    if status == 429:
        raise _limited(answer, body or {})
    if status >= 500 and answer.pause:
        raise SystemPause(f"HubSpot asks for a pause (status {status}).", answer.pause)
    if status >= 500 or status == 408 or body is None:
        raise SystemDown(f"HubSpot could not {what} ({answer.form}).")
    if status == 404:
        return None
    if status in {200, 201, 207}:
        return body
    if status == 401:
        raise SystemPause(
            "HubSpot refuses the token (401). Set a valid FAIRLEAD_HUBSPOT__ACCESS_TOKEN.", REFUSED_SECONDS
        )
    if status == 403:
        missing = ", ".join(_scopes(body)) or "one that HubSpot does not name"
        raise SystemRefused(f"The token may not {what}. Give the private app the scope {missing}.")
    raise fault_of({"category": "CONFLICT", **body} if status == 409 else body).raised(what)


def outcomes(body: Json, ids: Sequence[str], key: str | None) -> dict[str, Json | Fault]:
    """What became of each record of a batch, by the id it was sent with; `key` is the property that holds it, None: `id`.

    An answer may come with 200 or 207 and have errors beside results. A record that is in neither has no outcome: what
    became of it is not known.
    """
    found: dict[str, Json | Fault] = {}
    known = {one.casefold(): one for one in ids}
    for result in dicts(body.get("results")):
        properties = result.get("properties")
        value = result.get("id") if key is None else (properties or {}).get(key)
        if isinstance(value, str) and isinstance(properties, dict) and value.casefold() in known:
            found[known[value.casefold()]] = result
    for error in dicts(body.get("errors")):
        context = error.get("context")
        named = [
            str(one)
            for value in (context if isinstance(context, dict) else {}).values()
            if isinstance(value, list)
            for one in value
        ]
        concerned = [known[one.casefold()] for one in named if one.casefold() in known]
        if not concerned and len(ids) == 1:
            concerned = list(ids)
        for one in concerned:
            found.setdefault(one, fault_of(error))
    return found


def fault_of(error: Mapping[str, Any]) -> Fault:
    """A fault, from an error body or one of a batch's `errors`."""
    names: list[str] = []
    for detail in dicts(error.get("errors")):
        context = detail.get("context")
        if isinstance(context, dict) and isinstance(context.get("propertyName"), list):
            names += [str(name) for name in context["propertyName"]]
        elif isinstance(detail.get("name"), str):
            names.append(detail["name"])
    return Fault(code_in(error.get("category")), names_in(names))


def _limited(answer: Answer, body: Json) -> SystemPause:
    if body.get("policyName") == "DAILY":
        return SystemPause("The day's requests to HubSpot are used up; it is asked again now and then.", DAILY_SECONDS)
    seconds = UNTOLD_SECONDS if answer.pause is None else max(answer.pause, 1.0)
    return SystemPause("HubSpot asks for a pause.", seconds)


def _scopes(body: Json) -> list[str]:
    found: list[str] = []
    for detail in dicts(body.get("errors")):
        context = detail.get("context")
        for value in (context if isinstance(context, dict) else {}).values():
            found += [str(one) for one in value if NAME.fullmatch(str(one))] if isinstance(value, list) else []
    return sorted(set(found))
