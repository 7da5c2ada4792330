"""When two leads are one person asking twice.

The rules, each within a window of time:
1. the same mailbox (tags and Gmail's dots don't count); a shared mailbox such as ``info@`` needs a similar name too;
2. the same telephone number and a similar name (a switchboard's number alone says nothing);
3. the same name and company, letter case, accents and legal form aside.

The lead that was registered first stays, so that work under way goes on; of several, the oldest. A lead that was
itself merged, discarded or withdrawn is never the one that stays.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher

from workers.lead_routing.domain.lead import Lead, email_key
from workers.lead_routing.domain.text import fold, fold_company

SIMILAR = 0.82
"""Ratio of matching letters (Ratcliff/Obershelp) from which two names are taken for one: "Jon Smith", "John Smith"."""

_MAILBOXES = (
    "admin billing contact contacto einkauf hello help info kontakt mail office procurement sales service support team"
)
_SHARED_MAILBOXES = frozenset(_MAILBOXES.split())


@dataclass(frozen=True, slots=True)
class Keys:
    """What a lead is recognised by."""

    email: str | None
    phone: str | None
    person: str | None

    def locks(self) -> list[str]:
        """The keys as texts, in an order that is the same for everybody, so that nobody waits in a circle."""
        named = (("email", self.email), ("phone", self.phone), ("person", self.person))
        return sorted(f"{kind}:{key}" for kind, key in named if key)


@dataclass(frozen=True, slots=True)
class Known:
    """A lead registered before."""

    lead_id: str
    keys: Keys
    name: str | None
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Twin:
    """The lead that stays, and by which rule."""

    lead_id: str
    rule: str
    """``same_email``, ``same_phone_and_name`` or ``same_name_and_company``."""
    why: str


def keys_of(lead: Lead) -> Keys:
    """The keys of a valid lead."""
    person = f"{_name_key(lead.name)}|{fold_company(lead.company)}" if lead.name and lead.company else None
    return Keys(
        email=email_key(lead.email) if lead.email else None,
        phone=lead.phone.lstrip("+") if lead.phone else None,
        person=person if person and not person.startswith("|") and not person.endswith("|") else None,
    )


def find_twin(lead: Lead, keys: Keys, known: Iterable[Known]) -> Twin | None:
    """The oldest of `known` (already within the window, none of them merged or closed) that is the same person."""
    for other in sorted(known, key=lambda k: (k.received_at, k.lead_id)):
        found = _rule(lead, keys, other)
        if found is not None:
            return Twin(other.lead_id, *found)
    return None


def similar_names(one: str | None, other: str | None) -> bool:
    """Whether two names may be one person's; a missing name is like no other."""
    if not one or not other:
        return False
    left, right = _name_key(one), _name_key(other)
    if not left or not right:
        return False
    # "Ana Ruiz" and "Ana María Ruiz García": one name's words are all in the other.
    words = set(left.split()), set(right.split())
    if min(len(words[0]), len(words[1])) >= 2 and (words[0] <= words[1] or words[1] <= words[0]):
        return True
    return SequenceMatcher(None, left, right).ratio() >= SIMILAR


def _rule(lead: Lead, keys: Keys, other: Known) -> tuple[str, str] | None:
    if keys.email and keys.email == other.keys.email:
        shared = keys.email.partition("@")[0] in _SHARED_MAILBOXES
        if not shared or similar_names(lead.name, other.name):
            return "same_email", "It has the same e-mail address."
    if keys.phone and keys.phone == other.keys.phone and similar_names(lead.name, other.name):
        return "same_phone_and_name", "It has the same telephone number and a similar name."
    if keys.person and keys.person == other.keys.person:
        return "same_name_and_company", "It has the same name and company."
    return None


def _name_key(name: str) -> str:
    # Sorted, because "Ruiz, Ana" is Ana Ruiz.
    return " ".join(sorted(fold(name).split()))
