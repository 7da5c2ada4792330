"""Keep what a manager says of a region's territories."""

from __future__ import annotations

from workers.runtime.task import Contract, task
from workers.territory_alignment.domain.looks import Answer, Edit, EditRefused, ToLook, Wish, check_note, edits_of
from workers.territory_alignment.ports import TerritoryAlignmentPorts
from workers.territory_alignment.ports.looks import AnswerInvalid


class SeenCase(Contract):
    """What was shown."""

    seen_version: str


class RecordLookInput(Contract):
    """The answer."""

    alignment_id: str
    organisation: str
    look_key: str
    """Tells rounds, regions and turns apart: ``1/north/2``."""
    look: ToLook
    region_case: SeenCase
    look_choice: Answer
    looked_by: str = ""
    look_note: str | None = None
    edits: list[Wish] | None = None


class RecordLookOutput(Contract):
    """When it was kept."""

    look_recorded: bool


@task(business_id="alignment_id", effect="once", loop="look_key", errors=(AnswerInvalid,))
async def record_look(given: RecordLookInput, ports: TerritoryAlignmentPorts) -> RecordLookOutput:
    """Keep the answer; edits hold once a plan was found with them.

    Raises:
        AnswerInvalid: an edit cannot be, or a refusal gives no reason; brings ``edit_problem``.
    """
    note, seen = (given.look_note or "").strip(), given.region_case.seen_version
    try:
        edits = await _edits(given, ports) if given.look_choice == "edit" else []
        check_note(given.look_choice, note)
    except EditRefused as error:
        raise AnswerInvalid(str(error), variables={"edit_problem": str(error)}) from error
    await ports.looks.answer(
        given.alignment_id,
        given.look_key,
        given.look.region,
        given.look_choice,
        seen=seen,
        by=given.looked_by or given.look.group,
        note=note,
        at=ports.clock(),
        edits=edits,
    )
    words = {"accept": "accepted", "edit": f"asked for {len(edits)} edits", "refuse": "refused"}[given.look_choice]
    await ports.work.note(
        "looked",
        f"{given.look.region}: {words}.",
        actor=given.looked_by or None,
        edits=len(edits),
        note_given=bool(note),
    )
    return RecordLookOutput(look_recorded=True)


async def _edits(given: RecordLookInput, ports: TerritoryAlignmentPorts) -> list[Edit]:
    owners = await ports.plans.owners(given.region_case.seen_version)
    return edits_of(given.edits or (), owners, await ports.plans.reps(given.organisation))
