"""One alignment as its page shows it: today, proposed and edited side by side, each rep's territory, and what changes hands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from workers.control_room import maps
from workers.gateway.waiting import Waiting, standing
from workers.office.teams import Teams
from workers.territory_alignment.adapters import maps as placed
from workers.territory_alignment.adapters import overview, plans
from workers.territory_alignment.domain.planning import Move, RepLoad, Scenario
from workers.territory_alignment.domain.showing import FIGURES

LISTED = 200
"""Reps or accounts of a page, the largest first; the count tells how many there are."""
MAPPED = 2_000
"""Accounts on a map, the largest first."""


class UnknownAlignment(LookupError):
    """There is no such alignment, or it has no such plan or region."""


@dataclass(frozen=True, slots=True)
class Picture:
    """Maps of today and of a plan."""

    label: str
    version: str
    address: str


@dataclass(frozen=True, slots=True)
class Map:
    """Accounts of some regions, today and by a plan."""

    title: str
    """Of the plan."""
    atlas: maps.Atlas
    shown: int
    """Accounts on it."""
    count: int
    """Those whose place is known."""

    @property
    def sheets(self) -> list[tuple[str, tuple[maps.Dots, ...]]]:
        """Each map with its title."""
        return list(zip(("Today", self.title), self.atlas.maps, strict=True))


@dataclass(frozen=True, slots=True)
class Board:
    """The page."""

    story: overview.AlignmentStory
    published: overview.PublishedVersion | None
    """What was put down for approval last."""
    instance: int | None
    tasks: Sequence[Waiting]
    version: str | None
    """The plan that is shown; None: nothing was planned yet."""
    scenarios: Sequence[Scenario]
    """Today, as proposed at first, and the plan that is shown if it is another; none for who sees some teams, as they are
    of the whole, like the pictures.
    """
    pictures: Sequence[Picture]
    """Of the whole, unless one looks at a region."""
    region_map: Map | None
    """Of what is looked at, if that is not the whole."""
    regions: Sequence[str]
    """That may be chosen."""
    region: str | None
    """None: all of them."""
    lost: bool
    """No region is called as the team that was asked for."""
    reps: Sequence[RepLoad]
    """The fullest first, at most `LISTED`."""
    rep_count: int
    moves: Sequence[Move]
    """The largest first, at most `LISTED`."""
    move_count: int

    @property
    def called(self) -> dict[str, str]:
        """Names of the reps that are shown, by id."""
        return {one.rep: one.name for one in self.reps if one.name}

    @property
    def figures(self) -> list[tuple[str, list[str]]]:
        """What people compare plans by: words, and one text for each scenario."""
        return [
            (words, [form.format(one.kpis[name]) if name in one.kpis else "" for one in self.scenarios])
            for name, (words, form) in FIGURES.items()
        ]


async def read(
    connection: overview.Connection,
    alignment_id: str,
    picture: Callable[[str], str],
    *,
    version: str | None,
    region: str | None,
    team: str | None,
    teams: Teams = None,
) -> Board:
    """An alignment by one of its plans (None: the one on the table) and regions (None: all, with `teams` all of theirs).

    Raises:
        UnknownAlignment: there is none, or it has no such plan or region, or no region of theirs.
    """
    story = await overview.story(connection, alignment_id, teams=teams)
    if story is None:
        raise UnknownAlignment(f"There is no alignment {alignment_id}.")
    labels = {one.version: one.label for one in story.scenarios}
    shown = version or story.line.plan_version
    if version is not None and version not in labels:
        raise UnknownAlignment(f"The alignment {alignment_id} has no plan {version}.")
    organisation = story.line.organisation
    case = await standing(connection, alignment_id, teams)
    regions = await overview.regions(connection, organisation, teams=teams)
    if region is not None and region not in regions:
        raise UnknownAlignment(f"{organisation} has no region {region!r}.")
    lost = region is None and bool(team) and team not in regions
    region = region if region is not None else team if team in regions else None
    if region is None and teams is not None and len(regions) == 1:
        region = regions[0]
    chosen = [region] if region is not None else None if teams is None else regions
    reps: Sequence[RepLoad] = []
    moves: Sequence[Move] = []
    count = 0
    if shown is not None:
        reps = sorted(await plans.loads(connection, organisation, shown, chosen), key=_fullness, reverse=True)
        moves, count = await plans.moves(connection, organisation, shown, chosen, LISTED)
    whole = shown in labels and teams is None
    return Board(
        story=story,
        published=None
        if story.line.version is None
        else await overview.published(connection, story.line.version, teams=teams),
        instance=case.instance,
        tasks=case.tasks,
        version=shown,
        scenarios=await plans.scenarios(connection, alignment_id, shown) if shown is not None and whole else [],
        pictures=[
            Picture(labels[name], name, picture(name))
            for name in await overview.drawn(connection, _sides(list(labels), shown) if chosen is None else [])
        ],
        region_map=await _map(connection, organisation, shown, labels.get(shown, shown), chosen, reps)
        if shown is not None and chosen is not None
        else None,
        regions=regions,
        region=region,
        lost=lost,
        reps=reps[:LISTED],
        rep_count=len(reps),
        moves=moves,
        move_count=count,
    )


async def _map(
    connection: overview.Connection,
    organisation: str,
    version: str,
    title: str,
    regions: Sequence[str],
    reps: Sequence[RepLoad],
) -> Map | None:
    found, count = await placed.accounts(connection, organisation, version, regions, MAPPED)
    homes = await placed.homes(connection, organisation, regions)
    atlas = maps.atlas(
        [maps.Spot((one.latitude, one.longitude), one.potential, (one.today, one.planned)) for one in found],
        [maps.Home(one.rep, one.name or one.rep, (one.latitude, one.longitude)) for one in homes],
        sorted(one.rep for one in reps),
    )
    return Map(title, atlas, len(found), count) if atlas is not None and found else None


def _sides(versions: Sequence[str], shown: str | None) -> list[str]:
    """What was proposed at first, and the plan that is shown."""
    return list(dict.fromkeys([*versions[:1], *(one for one in versions if one == shown)]))


def _fullness(load: RepLoad) -> float:
    return load.hours / load.capacity if load.capacity else load.hours
