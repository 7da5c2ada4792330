"""An organisation with one hard rule less: what a person does when rules clash."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from workers.territory_alignment.solving.clashing import Rule
from workers.territory_alignment.solving.errors import InputError
from workers.territory_alignment.solving.organisation import Account, Organisation

Asked = TypeVar("Asked")


def without(organisation: Organisation, rule: Rule) -> Organisation:
    """The organisation without a rule, as `clashing` names them.

    Raises:
        InputError: there is no such kind of rule.
    """
    rules, subject = organisation.rules, rule.subject
    match rule.kind:
        case "skill":
            skills = {industry: asked - {subject} for industry, asked in rules.industry_skills.items()}
            accounts = tuple(replace(one, skills=one.skills - {subject}) for one in organisation.accounts)
            return replace(organisation, accounts=accounts, rules=replace(rules, industry_skills=skills))
        case "language":
            return replace(organisation, accounts=tuple(_any_language(one, subject) for one in organisation.accounts))
        case "named":
            return replace(organisation, rules=replace(rules, named=_but(rules.named, subject)))
        case "locked":
            return replace(organisation, rules=replace(rules, locked=_but(rules.locked, subject)))
        case "forbidden":
            account, _, rep = subject.partition(" to ")
            return replace(organisation, rules=replace(rules, forbidden=rules.forbidden - {(account, rep)}))
        case "maximum_load":
            # All there is to do at once is as good as no limit.
            most = max(sum(one.workload for one in organisation.accounts), 1.0)
            reps = tuple(replace(one, maximum_load=most) if one.id == subject else one for one in organisation.reps)
            return replace(organisation, reps=reps)
        case _:
            raise InputError(f"there is no kind of rule {rule.kind!r}")


def words(rule: Rule) -> str:
    """What a rule is about, in a line."""
    match rule.kind:
        case "skill":
            return f"Only reps with the skill {rule.subject} get accounts that need it"
        case "language":
            return f"Only reps who speak {rule.subject} get accounts that need it"
        case "named":
            return f"{rule.subject} goes only to the reps named for it"
        case "locked":
            return f"{rule.subject} is locked to a rep"
        case "forbidden":
            return f"{rule.subject} is forbidden"
        case _:
            return f"No load exceeds its maximum at {rule.subject}"


def _any_language(account: Account, asked: str) -> Account:
    same = " or ".join(sorted(account.languages)) == asked
    return replace(account, languages=frozenset()) if same else account


def _but(rules: Mapping[str, Asked], account: str) -> dict[str, Asked]:
    return {name: asked for name, asked in rules.items() if name != account}
