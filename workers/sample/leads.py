"""Seeded sample leads with stated assumptions, as bodies for ``POST /v1/leads``, and a labelled history of such leads.

Assumptions (all shares are of all leads):

* arrivals are a Poisson process;
* 4 % are sent a second time, in another spelling and usually from another source, 1 to 200 leads later;
* 3 % cannot be used as they are (no or broken address, no name): a person must correct them;
* 10 % come from people of a known account, 2 % from countries of no territory, 2 % from strategic companies
  (12,000 employees and more); all others from companies unknown so far;
* a lead converts with the probability that `conversion_probability` computes from its fields, about one in seven on
  average; what the scorer learns can be held against that.

Lead `i` of a seed depends on nothing else, so that feeding can go on where it stopped.
"""

from __future__ import annotations

import datetime as dt
import itertools
import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from workers.sample.chance import seeded
from workers.sample.geography import COUNTRIES, ELSEWHERE
from workers.sample.organisation import Account, slug
from workers.sample.words import COMPANY_FIRST, COMPANY_SECOND, COMPANY_TRADE, FIRST_NAMES, LAST_NAMES, MESSAGES

Kind: TypeAlias = Literal["new", "duplicate", "invalid", "known_account", "unmatched", "strategic"]
Body: TypeAlias = dict[str, object]

KINDS: dict[Kind, float] = {
    "new": 0.79,
    "duplicate": 0.04,
    "invalid": 0.03,
    "known_account": 0.10,
    "unmatched": 0.02,
    "strategic": 0.02,
}
SOURCES = {"web_form": 0.38, "content": 0.22, "trade_show": 0.12, "cold_list": 0.12, "referral": 0.08, "partner": 0.08}
CHANNELS = {
    "web_form": "web",
    "content": "web",
    "trade_show": "event",
    "cold_list": "list",
    "referral": "email",
    "partner": "api",
}
PRODUCTS = {"core": 0.45, "analytics": 0.25, "planning": 0.18, "integration": 0.12}
JOB_LEVELS = {"staff": 0.3, "manager": 0.33, "director": 0.18, "c_level": 0.09, "student": 0.1}
FREE_MAIL = "@gmail.com"
FREE_MAIL_SHARE = 0.04
DUPLICATE_REACH = 200
LARGEST_USUAL = 3_500
"""Employees of the largest company that is not strategic; above 5,000 the decision tables call it so."""

_SOURCE_EFFECT = {
    "referral": 1.1,
    "partner": 0.6,
    "web_form": 0.3,
    "trade_show": 0.0,
    "content": -0.4,
    "cold_list": -1.3,
}
_LEVEL_EFFECT = {"c_level": 0.7, "director": 0.5, "manager": 0.2, "staff": -0.4, "student": -1.5}
_INDUSTRY_EFFECT = {"software": 0.3, "finance": 0.2, "manufacturing": 0.1, "public_sector": -0.5}
_INTERCEPT = -2.45


@dataclass(frozen=True, slots=True)
class SampleLead:
    """One lead and what the generator knows about it."""

    index: int
    kind: Kind
    body: Body
    """What is posted."""


class LeadSource:
    """The leads of one seed; `series` tells several streams of leads of one seed apart."""

    def __init__(self, seed: int, accounts: Sequence[Account], series: str = "sample") -> None:
        self.prefix = f"{series}-{seed}-"
        """What the external ids of these leads start with."""
        self._accounts = accounts

    def external_id(self, index: int) -> str:
        """The sender's id of lead `index`: the same in every run of this seed."""
        return f"{self.prefix}{index:08}"

    def kind(self, index: int) -> Kind:
        """What sort of lead `index` is."""
        kind = seeded(self.prefix, index, "kind").choices(list(KINDS), list(KINDS.values()))[0]
        return "new" if kind == "duplicate" and index == 0 else kind

    def lead(self, index: int) -> SampleLead:
        """Lead `index`, counted from 0."""
        kind = self.kind(index)
        chance = seeded(self.prefix, index, "lead")
        body = self._again(index, chance) if kind == "duplicate" else self._fresh(kind, chance)
        body["external_id"] = self.external_id(index)
        return SampleLead(index, kind, body)

    def _again(self, index: int, chance: random.Random) -> Body:
        """A former lead as the same person would send it again."""
        former = index - 1 - chance.randrange(min(index, DUPLICATE_REACH))
        while former > 0 and self.kind(former) in {"duplicate", "invalid"}:
            former -= 1
        body = self.lead(former).body
        source = chance.choice(list(SOURCES))
        return body | {
            "source": source,
            "channel": CHANNELS[source],
            "email": str(body["email"]).upper() if chance.random() < 0.5 else f" {body['email']} ",
            "name": str(body["name"]).upper() if chance.random() < 0.3 else body["name"],
            "message": chance.choice(MESSAGES),
        }

    def _fresh(self, kind: Kind, chance: random.Random) -> Body:
        countries = ELSEWHERE if kind == "unmatched" else COUNTRIES
        country = chance.choices(countries, [country.share for country in countries])[0]
        account = chance.choice(self._accounts) if kind == "known_account" else None
        if account is not None:
            country = next(known for known in COUNTRIES if known.code == account.country)
        language = chance.choices(country.languages, [1 / 3**i for i in range(len(country.languages))])[0]
        first, last = chance.choice(FIRST_NAMES[language]), chance.choice(LAST_NAMES[language])
        industry = account.industry if account else chance.choice(sorted(COMPANY_TRADE))
        company, domain = (account.name, account.domain) if account else _company(industry, chance)
        if account is None and kind == "new" and chance.random() < FREE_MAIL_SHARE:
            # A hyphen cannot stand in such an address, so that it is nobody's.
            email = f"{slug(first)}-{slug(last)}-{chance.randrange(10**6):06}{FREE_MAIL}"
        else:
            email = f"{slug(first)}.{slug(last)}@{domain}"
        body: Body = {
            "name": f"{first} {last}",
            "email": email,
            "phone": f"+{country.dial} 555 {chance.randrange(10**6, 10**7)}" if chance.random() < 0.55 else None,
            "company": company,
            "country": country.code,
            "language": language,
            "industry": industry if chance.random() < 0.9 else None,
            "message": chance.choice(MESSAGES) if chance.random() < 0.5 else None,
            **_behaviour(chance),
            **_size(kind, account, chance),
        }
        return body | _fault(chance) if kind == "invalid" else body


def _company(industry: str, chance: random.Random) -> tuple[str, str]:
    trade = chance.choice(COMPANY_TRADE[industry])
    name = f"{chance.choice(COMPANY_FIRST)}{chance.choice(COMPANY_SECOND)} {trade}"
    return name, f"{slug(name)}.example"


def _behaviour(chance: random.Random) -> Body:
    """Source, interest and what the person did before."""
    source = chance.choices(list(SOURCES), list(SOURCES.values()))[0]
    attributes: Body = {"days_since_last_touch": min(round(chance.expovariate(1 / 9)), 90)}
    if source in {"web_form", "content", "referral"}:
        attributes["page_views"] = 1 + round(chance.expovariate(1 / 6))
        attributes["pricing_page_seconds"] = round(chance.expovariate(1 / 90)) if chance.random() < 0.6 else 0
    if source != "cold_list":
        attributes["webinars"] = chance.choices((0, 1, 2, 3), (75, 16, 6, 3))[0]
    return {
        "source": source,
        "channel": CHANNELS[source],
        "product": chance.choices(list(PRODUCTS), list(PRODUCTS.values()))[0],
        "job_level": chance.choices(list(JOB_LEVELS), list(JOB_LEVELS.values()))[0] if chance.random() < 0.85 else None,
        "attributes": attributes,
    }


def _size(kind: Kind, account: Account | None, chance: random.Random) -> Body:
    if account is not None:
        return {"employees": account.employees, "annual_revenue_eur": account.annual_revenue_eur}
    employees = (
        chance.randint(12_000, 90_000)
        if kind == "strategic"
        else round(min(chance.lognormvariate(4.6, 1.5), LARGEST_USUAL)) + 2
    )
    revenue = employees * chance.randint(90_000, 260_000)
    known = kind == "strategic" or chance.random() < 0.8
    return {
        "employees": employees if known else None,
        "annual_revenue_eur": revenue if known and chance.random() < 0.6 else None,
    }


def _fault(chance: random.Random) -> Body:
    """What makes a lead unusable until a person corrects it."""
    faults: tuple[Body, ...] = (
        {"email": None, "phone": None},
        {"email": "ask my assistant", "phone": None},
        {"email": "info@", "phone": "n/a"},
        {"name": "", "company": None},
    )
    return chance.choices(faults, (4, 2, 2, 2))[0]


def conversion_probability(body: Mapping[str, object]) -> float:
    """How likely a sample lead is to convert, 0 to 1: a logistic model with a bump in company size.

    Effects add up in log-odds; anything not known is worth a little less than the usual. Trade-show leads convert
    mainly if a decision maker came, which no feature says alone.
    """
    attributes = body.get("attributes")
    did: Mapping[str, object] = attributes if isinstance(attributes, Mapping) else {}
    source, level = str(body.get("source")), str(body.get("job_level"))
    odds = _INTERCEPT + _SOURCE_EFFECT.get(source, 0.0) + _LEVEL_EFFECT.get(level, -0.3)
    odds += _INDUSTRY_EFFECT.get(str(body.get("industry")), 0.0)
    if source == "trade_show" and level in {"c_level", "director"}:
        odds += 0.8
    employees = _number(body.get("employees"))
    odds += -0.2 if employees is None else -0.5 * math.log10(max(employees, 1.0) / 300) ** 2
    odds += 0.25 * math.log1p(_number(did.get("page_views")) or 0.0)
    odds += 1.1 * (1 - math.exp(-(_number(did.get("pricing_page_seconds")) or 0.0) / 120))
    odds += 0.4 * min(_number(did.get("webinars")) or 0.0, 3.0)
    odds -= 0.04 * min(_number(did.get("days_since_last_touch")) or 0.0, 60.0)
    return 1 / (1 + math.exp(-odds))


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def converts(body: Mapping[str, object], seed: int) -> bool:
    """Whether this lead converts in the end; the same answer at each call."""
    return seeded(seed, body.get("external_id"), "outcome").random() < conversion_probability(body)


def history(rows: int, seed: int, accounts: Sequence[Account], *, until: dt.datetime, days: float = 365) -> list[Body]:
    """`rows` leads of the past with their outcome (`converted`), oldest first, for training a scorer.

    `received_at` (ISO 8601) is spread evenly over the `days` before `until`. Duplicates and unusable leads are left
    out, as they never got an outcome. They are other leads than those that are fed. Besides the fields of a lead, a
    row has `annual_revenue` and `email_is_free`, as the schema `sales_leads` calls them.
    """
    source = LeadSource(seed, accounts, "history")
    usable = (i for i in itertools.count() if source.kind(i) not in {"duplicate", "invalid"})
    found = []
    for position, index in enumerate(itertools.islice(usable, rows)):
        lead = source.lead(index)
        at = until - dt.timedelta(days=days * (1 - position / rows))
        # A lead has no revenue of its own when it is scored: only a known account's is there. The lead's own word is
        # taken out, or the schema would read it and the model would learn what no worker ever sees.
        revenue = lead.body["annual_revenue_eur"] if lead.kind == "known_account" else None
        body = {key: value for key, value in lead.body.items() if key != "annual_revenue_eur"}
        found.append(
            body
            | {
                "annual_revenue": revenue,
                "email_is_free": str(lead.body["email"]).endswith(FREE_MAIL),
                "received_at": at.isoformat(),
                "converted": converts(lead.body, seed),
            }
        )
    return found


def poisson_arrivals(rate_per_minute: float, seed: int) -> Iterator[float]:
    """Arrival times of a Poisson process, in seconds from the start, without end."""
    chance = seeded(seed, "arrivals")
    at = 0.0
    while True:
        at += chance.expovariate(rate_per_minute / 60)
        yield at
