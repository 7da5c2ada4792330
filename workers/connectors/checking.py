"""What `fairlead connect check` says of a system; each connector's own `check` looks."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "wrong", "note"]
Area = Literal["account", "rights", "fields", "people", "limits"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    area: Area
    state: State
    what: str
    """What was looked at."""
    said: str
    """What was found, and what to do."""


def people(title: str, owners: Collection[str], reps: Collection[str] | None) -> Iterator[Finding]:
    """Whether our reps can own records there; by e-mail addresses, `owners` in small letters; None: not known."""
    if reps is None:
        said = "The database can't be asked, so they are not compared with the owners."
        yield Finding("people", "note", "reps", said)
        return
    for email in sorted(reps):
        if email.lower() not in owners:
            said = f"This rep is no owner in {title}: invite, or correct the address."
            yield Finding("people", "wrong", email, said)
    both = sum(email.lower() in owners for email in reps)
    yield Finding("people", "ok", "reps", f"{both} of {len(reps)} active reps are among the {len(owners)} owners.")


def day(left: int, most: int, what: str = "requests a day") -> Finding:
    """How much of a day's limit is left."""
    said = f"{left:,} of {most:,} left today"
    return Finding("limits", "ok" if left > most / 10 else "note", what, said)
