"""What lead routing needs from outside. Each port has its adapter in the module of the same name in `adapters`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from workers.lead_routing.ports.crm import Crm
from workers.lead_routing.ports.leads import LeadBook
from workers.lead_routing.ports.mail import MailDesk
from workers.lead_routing.ports.reps import RepDesk
from workers.lead_routing.ports.scorer import Scorer
from workers.lead_routing.ports.upkeep import ScorerUpkeep
from workers.runtime.work import Work


@dataclass(frozen=True, slots=True)
class LeadRoutingPorts:
    """What every task of this context gets as its second argument."""

    leads: LeadBook
    crm: Crm
    reps: RepDesk
    scorer: Scorer
    mail: MailDesk
    upkeep: ScorerUpkeep
    work: Work
    clock: Callable[[], datetime]
    """Now, in UTC."""
