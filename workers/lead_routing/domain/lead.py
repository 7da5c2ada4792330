"""What a lead is: made uniform from what came in, with whatever is wrong said field by field."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import phonenumbers

from workers.lead_routing.domain.freemail import is_free_mail
from workers.lead_routing.domain.places import country_code, language_code
from workers.lead_routing.domain.text import capitalise, clean

_EMAIL = re.compile(
    r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]+@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
)
"""The WHATWG's "valid e-mail address" (HTML, 4.10.5.1.5), in lower case and with a dot in the domain."""

_MOST_CHARACTERS = 500
_MOST_OF_A_MESSAGE = 5_000
_CORRECTABLE = ("name", "email", "phone", "company", "country", "language")


@dataclass(frozen=True, slots=True)
class Lead:
    """A lead with all its fields in one form; what is not known is None."""

    name: str | None = None
    email: str | None = None
    """Lower case."""
    phone: str | None = None
    """E.164: ``+`` and digits."""
    company: str | None = None
    domain: str | None = None
    """The company's internet domain, from its address on the web or in mail; never a free-mail provider's."""
    country: str | None = None
    """ISO 3166-1 alpha-2."""
    language: str | None = None
    """ISO 639-1."""
    industry: str | None = None
    employees: int | None = None
    product: str | None = None
    job_level: str | None = None
    source: str | None = None
    channel: str | None = None
    message: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)  # Any: JSON, whatever the source adds


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a field, in words for the person who corrects it."""

    field: str
    problem: str


@dataclass(frozen=True, slots=True)
class Normalised:
    """A lead made uniform. A field at fault keeps its text as it came, so that a person can see and mend it."""

    lead: Lead
    problems: tuple[Problem, ...]


def normalise(raw: Mapping[str, Any], corrected: Mapping[str, Any] | None = None) -> Normalised:
    """Make a lead uniform and say what is wrong with it.

    `corrected` overrules what came in, field by field: an empty text or None clears a field, one that is not there
    leaves it. A telephone number that cannot be read is a problem only if there is no e-mail address; a language that
    is not known is left out.
    """
    given = dict(raw) | {name: value for name, value in (corrected or {}).items() if name in _CORRECTABLE}
    problems: list[Problem] = []
    country = _country(_text(given.get("country")), problems)
    email, usable_email = _email(_text(given.get("email")), problems)
    phone = _phone(_text(given.get("phone")), country, usable_email, problems)
    if email is None and phone is None:
        problems.append(Problem("email", "There is neither an e-mail address nor a telephone number; give one."))
    name = _person(given)
    company = _text(given.get("company"))
    if name is None and company is None:
        problems.append(Problem("name", "There is neither a person's name nor a company; give one."))
    language = _text(given.get("language"))
    lead = Lead(
        name=name,
        email=email,
        phone=phone,
        company=company,
        domain=_domain(given, email if usable_email else None),
        country=country,
        language=language_code(language) if language else None,
        industry=_slug(given.get("industry")),
        employees=_count(given.get("employees")),
        product=_slug(given.get("product")),
        job_level=_slug(given.get("job_level")),
        source=_text(given.get("source")),
        channel=_slug(given.get("channel")),
        message=_message(given.get("message")),
        attributes=given["attributes"] if isinstance(given.get("attributes"), Mapping) else {},
    )
    return Normalised(lead, tuple(problems))


def email_key(email: str) -> str:
    """What two spellings of one mailbox have in common: no ``+tag``, and no dots where Gmail ignores them."""
    local, _, domain = email.lower().rpartition("@")
    mailbox = local.partition("+")[0] or local
    if domain in {"gmail.com", "googlemail.com"}:
        mailbox, domain = mailbox.replace(".", "") or mailbox, "gmail.com"
    return f"{mailbox}@{domain}"


def email_domain(email: str | None) -> str | None:
    """The part after the @."""
    return email.rpartition("@")[2] if email and "@" in email else None


def _text(value: object) -> str | None:
    if value is None or isinstance(value, bool | Mapping | list):
        return None
    return clean(str(value)[:_MOST_CHARACTERS]) or None


def _slug(value: object) -> str | None:
    text = _text(value)
    return "_".join(text.lower().replace("-", " ").split()) or None if text else None


def _message(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    lines = (clean(line) for line in value[:_MOST_OF_A_MESSAGE].splitlines())
    return "\n".join(lines).strip() or None


def _count(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(str(value).replace(",", "").replace(" ", ""))
    except ValueError:
        return None
    return int(number) if 1 <= number < 1e8 else None


def _person(given: Mapping[str, Any]) -> str | None:
    whole = _text(given.get("name"))
    if whole is None and "name" not in given:
        parts = (_text(given.get("first_name")), _text(given.get("last_name")))
        whole = " ".join(part for part in parts if part) or None
    return clean(capitalise(whole)) if whole else None


def _country(text: str | None, problems: list[Problem]) -> str | None:
    if text is None:
        return None
    code = country_code(text)
    if code is None:
        problems.append(Problem("country", f"“{text}” is no country we know; give its name or two-letter code."))
        return text
    return code


def _email(text: str | None, problems: list[Problem]) -> tuple[str | None, bool]:
    if text is None:
        return None, False
    address = text.removeprefix("mailto:").lower()
    if len(address) <= 254 and _EMAIL.fullmatch(address):
        return address, True
    problems.append(Problem("email", f"“{text}” is no e-mail address; correct it or leave it empty."))
    return text, False


def _phone(text: str | None, country: str | None, optional: bool, problems: list[Problem]) -> str | None:
    if text is None:
        return None
    try:
        number = phonenumbers.parse(text, country)
        if phonenumbers.is_possible_number(number):
            return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    except phonenumbers.NumberParseException:
        pass  # The same answer as for a number of impossible length.
    if optional:
        return None
    hint = "" if country else " Without a country it must start with + and the country's code."
    problems.append(Problem("phone", f"“{text}” is no telephone number we can dial.{hint}"))
    return text


def _domain(given: Mapping[str, Any], email: str | None) -> str | None:
    address = _text(given.get("domain")) or _text(given.get("website"))
    if address is not None:
        host = re.sub(r"^[a-z][a-z0-9+.-]*://", "", address.lower())
        host = re.split(r"[/?#:]", host, maxsplit=1)[0].removeprefix("www.").strip(".")
        if _EMAIL.fullmatch(f"a@{host}") and not is_free_mail(host):
            return host
    host_of_mail = email_domain(email)
    return None if is_free_mail(host_of_mail) else host_of_mail
