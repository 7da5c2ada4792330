"""Letters that `print_letters` made are worth nothing any more."""

from __future__ import annotations

from workers.quota_approval.ports import QuotaApprovalPorts
from workers.runtime.task import Contract, task


class VoidLettersInput(Contract):
    """Which publication is undone."""

    quota_id: str
    release: int


class VoidLettersOutput(Contract):
    """How many there were."""

    letters_voided: int


@task(business_id="quota_id", effect="once", loop="release", undoes="print_letters", after_close=True)
async def void_letters(given: VoidLettersInput, ports: QuotaApprovalPorts) -> VoidLettersOutput:
    """They are kept, but open no more."""
    recorded = await ports.work.recorded()
    count = 0 if recorded is None else await ports.publication.void_letters(recorded["version"], ports.clock())
    await ports.work.note("letters_voided", f"{count} letters open no more.")
    return VoidLettersOutput(letters_voided=count)
