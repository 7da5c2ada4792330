"""What changes when a roster is taken over: pure, so that a dry run shows exactly what an import does.

What the personnel system says counts where it differs from what it said last. So what people set here stays until the system
says something new of it, and the same roster again changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from workers.connectors.roster.plan import Away, Change, Kind, Known, KnownWorker, OurRep, Plan, Stretch
from workers.connectors.roster.values import Absence, Fact, Facts, Roster, Worker
from workers.office.calendar import CalendarError, work_calendar

OF_REPS = ("name", "email", "login", "territories", "languages", "skills")
"""Facts that are columns of a rep, too."""
KEPT_AT_FIRST = ("login", "territories", "languages", "skills")
"""What a rep who is recognised for the first time keeps, if people set it here."""


def compare(roster: Roster, known: Known, now: datetime) -> Plan:
    """What is to be changed; `roster` is sound."""
    look = _Look(roster, known, now)
    for worker in roster.workers:
        look.worker(worker)
    there = {one.employee_id for one in roster.workers} | roster.unread
    for employee_id, before in sorted(known.workers.items()):
        if employee_id not in there and before.left_on is None:
            look.leaves(employee_id, before, before.facts, look.plan.today, gone=True)
    if roster.absences is not None:
        look.absences(roster.absences)
    return look.plan


class _Look:
    """One comparison."""

    def __init__(self, roster: Roster, known: Known, now: datetime) -> None:
        self.plan = Plan(now.date(), notes=list(roster.notes))
        self._now = now
        self._known = known
        self._new_reps = roster.new_reps
        self._managers = {one.text("manager") for one in roster.workers}
        self._emails = {one.employee_id: one.text("email") for one in roster.workers}
        taken = {one.rep_id for one in known.workers.values() if one.rep_id}
        self._by_email = {one.email.casefold(): one for one in known.reps.values() if one.id not in taken}
        # An address tells more than an id, which may be another person's number.
        by_address = {one.id for email, one in self._by_email.items() if email in self._emails.values()}
        self._by_id = {one.id: one for one in known.reps.values() if one.id not in taken | by_address}
        self.plan.people = sum(one.left_on is None for one in known.workers.values())

    def worker(self, worker: Worker) -> None:
        """Compare one."""
        plan, before = self.plan, self._known.workers.get(worker.employee_id)
        first = self._recognised(worker) if before is None or before.rep_id is None else None
        sells = self._sells(worker, before, first)
        last_day = worker.day("last_day")
        ended = last_day is not None and last_day < plan.today
        if not ended:
            plan.workers[worker.employee_id] = worker
        if ended or (before is not None and before.rep_id and not sells):
            if before is None and first is not None and first.active:
                plan.people += 1
                before = KnownWorker(first.id, {}, None)
            if before is not None and before.left_on is None:
                self.leaves(worker.employee_id, before, worker.facts, last_day or plan.today, gone=ended)
            return
        hired = worker.day("hired")
        if before is None and hired is not None and hired > plan.today:
            del plan.workers[worker.employee_id]  # comes when the day has come
            return
        plan.people += before is None and first is not None
        plan.moved += self._moved(worker, before, first)
        self._stays(worker, before, first, sells=sells)

    def leaves(self, employee_id: str, before: KnownWorker, facts: Facts, day: date, *, gone: bool) -> None:
        """Somebody is not at work any more (`gone`), or sells nothing any more."""
        self.plan.taken_away += 1
        self.plan.changes.append(
            Change(
                kind="leaves",
                employee_id=employee_id,
                rep_id=before.rep_id,
                fields=("at work",) if gone else ("sells",),
                facts={**before.facts, **facts},
                before={},
                rep={"active": False} if before.rep_id else {},
                left_on=day,
                gone=gone,
            )
        )

    def _recognised(self, worker: Worker) -> OurRep | None:
        """The rep of ours, of whom the system told nothing yet, who this is."""
        return self._by_email.get(worker.text("email")) or self._by_id.get(worker.employee_id)

    def _sells(self, worker: Worker, before: KnownWorker | None, first: OurRep | None) -> bool:
        said = worker.facts.get("sells")
        if said is not None:
            return bool(said)
        return first is not None or bool(before and before.rep_id) or worker.employee_id not in self._managers

    def _stays(self, worker: Worker, before: KnownWorker | None, first: OurRep | None, *, sells: bool) -> None:
        """Somebody who is at work, or begins."""
        rep_id = before.rep_id if before else None
        if sells and rep_id is None:
            taken = worker.employee_id in self._known.reps
            rep_id = first.id if first else f"worker-{worker.employee_id}" if taken else worker.employee_id
        ours = self._known.reps.get(rep_id) if rep_id else None
        last = before.facts if before else _ours(first)
        fields = {name for name, fact in worker.facts.items() if name not in last or last[name] != fact}
        if before is None and first is not None:
            fields -= {name for name in KEPT_AT_FIRST if last.get(name)}
        back = before is not None and before.left_on is not None
        if before is not None and before.rep_id == rep_id and not fields and not back:
            self.plan.unchanged += 1
            return
        new_rep = rep_id is not None and ours is None
        kind: Kind = "joins" if before is None or new_rep else "returns" if back else "changes"
        columns = self._columns(worker, ours, fields) if rep_id else {}
        if back and rep_id:
            columns["active"] = True
        self.plan.changes.append(
            Change(
                kind=kind,
                employee_id=worker.employee_id,
                rep_id=rep_id,
                fields=tuple(sorted(fields)),
                facts={**(before.facts if before else {}), **worker.facts},
                before={name: last.get(name) for name in fields},
                rep=columns,
                new_rep=new_rep,
            )
        )

    def _moved(self, worker: Worker, before: KnownWorker | None, first: OurRep | None) -> bool:
        """Whether somebody else manages the worker than before; a first manager is no move."""
        if "manager" not in worker.facts:
            return False
        if before is not None:
            return bool(before.facts.get("manager")) and before.facts["manager"] != worker.facts["manager"]
        now = self._emails.get(worker.text("manager"))
        return first is not None and bool(now and first.manager_email) and first.manager_email.casefold() != now

    def _columns(self, worker: Worker, ours: OurRep | None, fields: set[str]) -> dict[str, object]:
        """Columns of the rep that change."""
        found: dict[str, object] = {}
        if ours is None:
            fields = {*fields, *OF_REPS}
            found = self._beginning(worker)
        for name in OF_REPS:
            if name in fields and name in worker.facts and (name != "login" or worker.facts[name]):
                found[name] = worker.facts[name]
        if "territories" in found:
            found["territories"] = self._territories(worker)
        return found

    def _beginning(self, worker: Worker) -> dict[str, object]:
        """What a new rep has that the system does not say."""
        new = self._new_reps
        timezone, country = worker.text("timezone") or new.timezone, worker.text("country") or new.country
        try:
            work_calendar(timezone, new.working_hours, country)
        except CalendarError as error:
            self.plan.notes.append(f"Of the worker {worker.employee_id} is left out: {error}")
            timezone, country = new.timezone, new.country
        return {
            "login": worker.text("email"),
            "territories": [],
            "languages": [],
            "skills": [],
            "active": True,
            "timezone": timezone,
            "holidays": country,
            "working_hours": new.working_hours,
            "weight": new.weight,
            "daily_capacity": new.daily_capacity,
            "open_capacity": new.open_capacity,
        }

    def _territories(self, worker: Worker) -> list[str]:
        """The worker's territories that lead routing has, by id or name."""
        known = self._known.territories
        by_name = {name.casefold(): one for one, name in known.items()}
        found = []
        for word in worker.texts("territories") or ():
            one = word if word in known else by_name.get(word.casefold())
            if one is None:
                self.plan.notes.append(
                    f"Lead routing has no territory {word!r}, which the worker {worker.employee_id} has; left out."
                )
            else:
                found.append(one)
        return found

    def absences(self, absences: Sequence[Absence]) -> None:
        """Compare those that are not over."""
        plan, known = self.plan, self._known
        reps = {one: found.rep_id for one, found in known.workers.items() if found.rep_id}
        reps |= {one.employee_id: one.rep_id for one in plan.changes if one.rep_id}
        zones = {one.id: one.timezone for one in known.reps.values()}
        zones |= {one.rep_id: str(one.rep["timezone"]) for one in plan.changes if one.rep_id and one.new_rep}
        away: dict[str, list[tuple[Stretch, str | None]]] = {}
        for one in absences:
            if one.employee_id in plan.workers:
                zone = zones.get(reps.get(one.employee_id, ""), self._new_reps.timezone)
                stretch = _stretch(one, zone, plan.today)
                if stretch[1] > self._now:
                    away.setdefault(one.employee_id, []).append((stretch, one.substitute_id))
        plan.next_away = {who: _next(found) for who, found in away.items()}
        for employee_id, rep_id in sorted(reps.items()):
            had = known.absences.get(rep_id, frozenset())
            has = {stretch for stretch, _ in away.get(employee_id, ())}
            if employee_id in plan.workers and had != has:
                plan.away.append(Away(rep_id, employee_id, tuple(sorted(has - had)), tuple(sorted(had - has))))
        plan.forgets_absences = not absences and any(known.absences.values())


def _next(found: Sequence[tuple[Stretch, str | None]]) -> tuple[Stretch, str | None]:
    """The present or next absence, with those that follow without a day between; the first substitute that is named."""
    ordered = sorted(found, key=lambda one: one[0])
    (start, end), substitute = ordered[0]
    for (following, until), other in ordered[1:]:
        if following > end:
            break
        end, substitute = max(end, until), substitute or other
    return (start, end), substitute


def _ours(rep: OurRep | None) -> dict[str, Fact]:
    """What the office has of a rep, as if the system had said it."""
    if rep is None:
        return {}
    return {
        "name": rep.name,
        "email": rep.email.casefold(),
        "login": rep.login,
        "territories": sorted(rep.territories),
        "languages": sorted(rep.languages),
        "skills": sorted(rep.skills),
    }


def _stretch(absence: Absence, timezone: str, today: date) -> Stretch:
    """An absence from midnight to midnight where the person works; one without an end lasts for the next year at least."""
    try:
        zone = ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError):  # a rep's row that cannot be read gets no leads anyway
        zone = ZoneInfo("UTC")
    last = absence.last or date(today.year + 1, 12, 31)
    return (
        datetime.combine(absence.first, time(), zone),
        datetime.combine(last + timedelta(days=1), time(), zone),
    )
