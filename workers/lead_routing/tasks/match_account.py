"""Find the account of the CRM that a lead belongs to."""

from __future__ import annotations

from workers.lead_routing.domain import matching
from workers.lead_routing.domain.lead import Lead
from workers.lead_routing.domain.matching import Account
from workers.lead_routing.ports import LeadRoutingPorts
from workers.runtime.task import Contract, task


class MatchAccountInput(Contract):
    """The uniform lead."""

    lead_id: str
    lead: Lead


class MatchAccountOutput(Contract):
    """The account, or None if there is no match."""

    account: Account | None


@task(business_id="lead_id", effect="idempotent")
async def match_account(given: MatchAccountInput, ports: LeadRoutingPorts) -> MatchAccountOutput:
    """Match by domain, then by name and country, then by telephone number.

    Raises:
        CrmDown: the CRM did not answer; tried again.
    """
    account = matching.match_account(given.lead, await ports.crm.find_accounts(given.lead))
    await ports.leads.set_account(given.lead_id, account.id if account else None)
    if account:
        await ports.work.note(
            "matched",
            f"It belongs to a known account, seen by {account.match}.",
            account=account.id,
            by=account.match,
            owner=account.owner_id,
        )
    else:
        await ports.work.note("matched", "No known account fits.", account=None)
    return MatchAccountOutput(account=account)
