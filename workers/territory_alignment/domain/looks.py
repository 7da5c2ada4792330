"""What managers say of a plan: answers, and edits that the next plan is made around."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Answer = Literal["accept", "edit", "refuse"]
EditKind = Literal["lock", "forbid", "keep"]
"""``lock``: the account goes to the rep; ``forbid``: it does not; ``keep``: it stays with today's owner."""

MOST_EDITS = 50
"""In one answer."""


@dataclass(frozen=True, slots=True)
class ToLook:
    """Who is asked about which region."""

    region: str
    group: str
    manager: str | None
    """Log-in; None: anybody of the group."""


@dataclass(frozen=True, slots=True)
class Word:
    """What was said of a region last."""

    region: str
    answer: Literal["accept", "edit", "refuse", "closed"]
    """``closed``: nobody decided in time."""
    by: str
    note: str


@dataclass(frozen=True, slots=True)
class Wish:
    """An edit as a form brings it; any part may be missing."""

    account: str | None = None
    kind: EditKind | None = None
    rep: str | None = None


@dataclass(frozen=True, slots=True)
class Edit:
    """An edit that can be planned around."""

    account: str
    kind: EditKind
    rep: str


class EditRefused(ValueError):
    """What a manager asked for cannot be; the message says why and what can."""


def check_note(answer: Answer, note: str) -> None:
    """Whether an answer says what it must.

    Raises:
        EditRefused: a refusal without a reason.
    """
    if answer == "refuse" and not note:
        raise EditRefused("Say why you refuse, so that who decides in the end knows.")


def edits_of(wishes: Sequence[Wish], owners: Mapping[str, str], reps: Iterable[str]) -> list[Edit]:
    """The edits of an answer.

    Args:
        wishes: as the form brings them; empty rows are passed over.
        owners: account → today's owner, empty for nobody; every account of the plan.
        reps: the plan's.

    Raises:
        EditRefused: a name is unknown, something is missing, or two edits contradict each other.
    """
    team, found = set(reps), dict[tuple[str, str], Edit]()
    for wish in wishes:
        account, rep = (wish.account or "").strip(), (wish.rep or "").strip()
        if not account and not rep:
            continue
        if account not in owners:
            raise EditRefused(f"There is no account {account!r} in this plan; write its id as the table above does.")
        kind = wish.kind or "lock"
        if kind == "keep":
            rep = owners[account]
            if not rep:
                raise EditRefused(f"{account} has no owner today, so nobody can keep it; lock it to a rep instead.")
        if rep not in team:
            told = f"{rep!r}, who is not in this plan" if rep else "nobody"
            raise EditRefused(f"The edit of {account} names {told}; write the id of a rep who is.")
        edit = Edit(account, kind, rep)
        held = {one.rep for one in found.values() if one.account == account and one.kind != "forbid"}
        if kind != "forbid" and held - {rep}:
            raise EditRefused(f"{account} can go to one rep only; there are edits for {rep} and {held.pop()}.")
        if (
            ((account, rep) in found)
            and found[account, rep].kind != kind
            and "forbid" in {kind, found[account, rep].kind}
        ):
            raise EditRefused(f"{account} cannot be given to {rep} and be forbidden to {rep}.")
        found[account, rep] = edit
    if not found:
        raise EditRefused("Name at least one account that should go elsewhere, or accept or refuse the territories.")
    if len(found) > MOST_EDITS:
        raise EditRefused(f"There are {len(found)} edits; give at most {MOST_EDITS} at a time.")
    return list(found.values())


def rules_of(edits: Iterable[Edit]) -> tuple[dict[str, str], set[tuple[str, str]]]:
    """Locks (account → rep) and forbidden pairs; a later edit of an account replaces an earlier one that contradicts it."""
    locked: dict[str, str] = {}
    forbidden: set[tuple[str, str]] = set()
    for edit in edits:
        if edit.kind == "forbid":
            forbidden.add((edit.account, edit.rep))
            if locked.get(edit.account) == edit.rep:
                del locked[edit.account]
        else:
            locked[edit.account] = edit.rep
            forbidden.discard((edit.account, edit.rep))
    return locked, forbidden
