"""Which account of the CRM a lead belongs to.

In this order: the company's internet domain (a free-mail provider's never counts), then the folded name and the
country, then the telephone number.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from workers.lead_routing.domain.freemail import is_free_mail
from workers.lead_routing.domain.lead import Lead, email_domain
from workers.lead_routing.domain.text import fold_company

Match = Literal["domain", "name", "phone"]


@dataclass(frozen=True, slots=True)
class CrmAccount:
    """A customer or prospect as the CRM knows it."""

    id: str
    name: str
    domain: str | None
    country: str | None
    phone: str | None
    owner_id: str | None
    owner_name: str | None


@dataclass(frozen=True, slots=True)
class Account:
    """The account a lead belongs to, and how that was seen."""

    id: str
    name: str
    owner_id: str | None
    owner_name: str | None
    match: Match
    why: str


@dataclass(frozen=True, slots=True)
class Enrichment:
    """What the CRM knows of a lead's account."""

    employees: int | None
    annual_revenue_eur: float | None
    industry: str | None
    open_opportunities: int


def domains_of(lead: Lead) -> tuple[str, ...]:
    """The domains that may name the lead's company, with their parents: ``mail.acme.co.uk``, ``acme.co.uk``."""
    found: list[str] = []
    for domain in (lead.domain, email_domain(lead.email)):
        labels = domain.split(".") if domain and not is_free_mail(domain) else []
        found += [".".join(labels[i:]) for i in range(len(labels) - 1)]
    return tuple(dict.fromkeys(found))


def match_account(lead: Lead, accounts: Iterable[CrmAccount]) -> Account | None:
    """The account that fits best, or None. Of several that fit equally, the one with an owner, then the lowest id."""
    ranked = sorted(accounts, key=lambda a: (a.owner_id is None, a.id))
    # The most exact domain first, so that a subsidiary with a site of its own is found before its parent.
    for domain in domains_of(lead):
        for account in ranked:
            if account.domain and account.domain.lower() == domain and not is_free_mail(domain):
                return _matched(account, "domain", f"The domain {domain} is {account.name}'s.")
    company = fold_company(lead.company) if lead.company else ""
    for account in ranked:
        if company and lead.country and account.country == lead.country and fold_company(account.name) == company:
            return _matched(account, "name", f"{account.name} in {account.country} has the same name.")
    for account in ranked:
        if lead.phone and account.phone and _digits(account.phone) == _digits(lead.phone):
            return _matched(account, "phone", f"{account.name} has the same telephone number.")
    return None


def _matched(account: CrmAccount, match: Match, why: str) -> Account:
    return Account(account.id, account.name, account.owner_id, account.owner_name, match, why)


def _digits(phone: str) -> str:
    return "".join(c for c in phone if c.isdigit())
