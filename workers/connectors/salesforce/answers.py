"""What Salesforce's answers mean: what was asked for, nothing, a pause, a fault of ours, or no answer at all.

https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/errorcodes.htm; codes of single records:
https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_calls_concepts_core_data_objects.htm.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from workers.connectors.answers import (
    DAILY_SECONDS,
    REFUSED_SECONDS,
    Answer,
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

_DELETED = "ENTITY_IS_DELETED"
_CHANGED = "CHANGED_MEANWHILE"
"""No code of Salesforce's, which says it by a status."""

_AGAIN = {
    "SERVER_UNAVAILABLE",
    "UNKNOWN_EXCEPTION",
    "QUERY_TIMEOUT",
    "INVALID_QUERY_LOCATOR",
    "REQUEST_RUNNING_TOO_LONG",
}
_CONFLICTS = {
    "UNABLE_TO_LOCK_ROW": "somebody else has the record or its account in hand",
    "DUPLICATE_VALUE": "another record has the same unique value",
    _DELETED: "the record was deleted",
    _CHANGED: "somebody changed the record meanwhile",
}
_ADVICE = {
    "CANNOT_UPDATE_CONVERTED_LEAD": "The lead was converted in Salesforce: its opportunity counts now, drop this change.",
    "DUPLICATES_DETECTED": "A duplicate rule of Salesforce blocks it: let it alert instead, or mend the record.",
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": "Our user may not give the record to that owner or account.",
    "INSUFFICIENT_ACCESS_OR_READONLY": "Our user may not do it; see its permission sets.",
    "API_DISABLED_FOR_ORG": "This edition has no API, or our user lacks the permission API Enabled.",
    "INVALID_FIELD": "Our user can't see the field, or it is not there.",
}
_DEFAULT_ADVICE = (
    "Mend the value, the field in Salesforce or the mapping; `fairlead connect check salesforce` compares them."
)

# Of Bulk API 2.0: the day's jobs, or what they may hold, are used up.
_QUOTAS = {"EXCEEDEDQUOTA", "EXCEEDED_QUOTA"}

# Of a record that a job of many could not write, and a request of its own may: others of the job had its parent in hand,
# or a duplicate rule that only alerts, which no job can be told to pass.
_ALONE = {"UNABLE_TO_LOCK_ROW", "DUPLICATES_DETECTED"}

# Of codes that name the field in their words alone.
_NO_COLUMN = re.compile(r"No such column '([A-Za-z][A-Za-z0-9_]{0,79})' on (?:sobject|entity)")


@dataclass(frozen=True, slots=True)
class Fault:
    """What was wrong with a request, or one record of it. Salesforce's own words are left out: they repeat values."""

    code: str
    fields: tuple[str, ...]

    @property
    def locked(self) -> bool:
        """Whether somebody else had the record in hand."""
        return self.code == "UNABLE_TO_LOCK_ROW"

    @property
    def meanwhile(self) -> bool:
        """Whether it is `changed`."""
        return self.code == _CHANGED

    @property
    def of_the_job(self) -> bool:
        """Whether the record may be written if it is not one of a job's many."""
        return self.code in _ALONE

    def raised(self, what: str) -> Exception:
        """The exception that this fault is for who has only this record."""
        named = f" ({', '.join(self.fields)})" if self.fields else ""
        if self.code in _CONFLICTS:
            return SystemConflict(f"Salesforce could not {what}: {_CONFLICTS[self.code]}{named}; it is tried again.")
        if self.code in _AGAIN:
            return SystemDown(f"Salesforce could not {what} now ({self.code}).")
        advice = _ADVICE.get(self.code, _DEFAULT_ADVICE)
        return SystemRefused(f"Salesforce refuses to {what}: {self.code}{named}. {advice}")


def read(answer: Answer, what: str) -> object:
    """The JSON of an answer, an empty object for one without content; None for 404. `what` was to be done.

    Raises:
        SystemDown: a failure of the server, or no JSON where there should be some.
        SystemPause: a limit is reached, or the log-in is refused.
        SystemConflict: the record is locked, or was changed since.
        SystemRefused: the request can't be right.
    """
    status = answer.status
    if status == 204:
        return {}
    found = parsed(answer.content)
    faults = dicts(found) if status >= 400 else []
    codes = {str(one.get("errorCode")) for one in faults}
    if "REQUEST_LIMIT_EXCEEDED" in codes:
        raise _limited(faults[0])
    if {code.upper() for code in codes} & _QUOTAS:
        raise SystemPause("The day's jobs of Bulk API 2.0 are used up; it is asked again now and then.", DAILY_SECONDS)
    if status == 429 or (status >= 500 and answer.pause):
        seconds = UNTOLD_SECONDS if answer.pause is None else max(answer.pause, 1.0)
        raise SystemPause(f"Salesforce asks for a pause (status {status}).", seconds)
    if status == 401:
        raise refused_session()
    if status == 412:
        raise SystemConflict(f"Salesforce did not {what}: somebody changed the record meanwhile; it is read again.")
    if status >= 500 or not isinstance(found, dict | list) or (status >= 400 and not faults):
        raise SystemDown(f"Salesforce could not {what} ({answer.form}).")
    if status == 404 and codes <= {"NOT_FOUND", _DELETED}:
        return None
    if status in {200, 201}:
        return found
    if status == 300:
        raise SystemRefused(
            f"Salesforce could not {what}: several records have the same id of ours. Its field must be unique; "
            "`fairlead connect check salesforce` looks at it."
        )
    if status < 400:
        raise SystemDown(f"Salesforce could not {what} ({answer.form}).")
    raise fault_of(faults[0]).raised(what)


def outcome(result: Mapping[str, Any]) -> str | Fault | None:
    """What became of one record of a collection: its id, or what was wrong; None: it is not said."""
    if result.get("success") is True and isinstance(result.get("id"), str):
        return str(result["id"])
    errors = dicts(result.get("errors"))
    return fault_of(errors[0]) if errors else None


def outcomes(names: Collection[str], results: object) -> dict[str, str | Fault]:
    """Of a collection, by the records' names: results have the order of the records, of another number nothing can be said."""
    if not isinstance(results, list) or len(results) != len(names):
        return {}
    told = [outcome(one) if isinstance(one, dict) else None for one in results]
    return {one: found for one, found in zip(names, told, strict=True) if found is not None}


def fault_of(error: Mapping[str, Any]) -> Fault:
    """A fault, from one of an answer's errors."""
    fields = error.get("fields")
    names = [str(name) for name in fields] if isinstance(fields, list) else []
    if not names:
        names = _NO_COLUMN.findall(str(error.get("message")))
    return Fault(code_in(error.get("errorCode") or error.get("statusCode")), names_in(names))


def job_fault(said: str) -> Fault:
    """A fault, from what a job says of one record: ``CODE:its own words:Field,Field --``."""
    code, _, rest = said.partition(":")
    named = rest.strip().removesuffix("--").rpartition(":")[2]
    return Fault(code_in(code.strip()), names_in(name.strip() for name in named.split(",")))


def gone() -> Fault:
    """A record that was read is not there any more."""
    return Fault(_DELETED, ())


def changed() -> Fault:
    """A record that somebody changed since it was read."""
    return Fault(_CHANGED, ())


def of_subrequest(result: Mapping[str, Any]) -> Literal["done"] | Fault | None:
    """What became of one request of a composite that writes a record; None: it is not said."""
    status, errors = result.get("httpStatusCode"), dicts(result.get("body"))
    if status in {200, 204}:
        return "done"
    if status == 412:
        return changed()
    return fault_of(errors[0]) if errors else None


def refused_session() -> SystemPause:
    """A log-in that just worked is refused."""
    return SystemPause(
        "Salesforce refuses a session that it just gave (401). See the app's policies: IP relaxation, permitted users.",
        REFUSED_SECONDS,
    )


def _limited(error: Mapping[str, Any]) -> SystemPause:
    # One code stands for two limits; only the words tell which.
    if "concurrent" in str(error.get("message")).lower():
        return SystemPause("Too many requests to Salesforce are under way at once.", UNTOLD_SECONDS)
    return SystemPause("The day's requests to Salesforce are used up; it is asked again now and then.", DAILY_SECONDS)
