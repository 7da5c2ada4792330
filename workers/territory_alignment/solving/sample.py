"""Sample organisations to plan for, from a seed.

Stated assumptions (nothing here is real):

* Towns lie evenly in a box of about 1,100 x 1,000 km; the k-th largest has a share of 1/k^0.8 of the accounts, which
  lie around its centre with a standard deviation of 12 km. Reps live near accounts drawn by chance.
* Potential is lognormal (sigma 1): the largest fifth has about half of it. Work grows with its square root, times a
  lognormal factor (sigma 0.3); all work is 88 % of all capacity. A fifth of the reps works half or three quarters.
* There are up to four language zones, west to east, one for each six reps, with as many reps as accounts in proportion. A
  rep speaks the zone's language and, in half of the cases, a neighbour's.
* Two of eight industries need a skill; a rep has each with a chance of a third. At least two in each zone have each.
* Today's owner: of the reps that may have the account the nearest (in 70 of 100 cases), one of the next four (25), or
  nobody (5), for an exponential time of three years on average: nobody has balanced it.
* One account in a hundred is named for three reps that may have it, and one in two hundred is locked to its owner.
* A load never exceeds 1.2 of the capacity.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from workers.territory_alignment.solving.errors import InputError
from workers.territory_alignment.solving.geography import Floats, Ints, distances
from workers.territory_alignment.solving.organisation import Account, Organisation, Rep, Rules

ZONES = ("fr", "de", "cs", "pl")
INDUSTRIES = ("banking", "chemicals", "health", "logistics", "machinery", "media", "public", "retail")
SKILLED = {"health": frozenset({"health"}), "public": frozenset({"tenders"})}
SKILLS = tuple(sorted({skill for skills in SKILLED.values() for skill in skills}))
HOURS = 1_600.0
"""Capacity of a rep who works full time."""
FILLED = 0.88
KM_A_DEGREE = 111.2
SOUTH, NORTH, WEST, EAST = 46.0, 55.0, 2.0, 18.0


def sample_organisation(reps: int, accounts: int, seed: int) -> Organisation:
    """An organisation of so many reps and accounts; the same seed gives the same one.

    Raises:
        InputError: if there are fewer accounts than reps, or no rep.
    """
    if not 1 <= reps <= accounts:
        raise InputError(f"a sample needs at least one rep and as many accounts as reps, not {reps} and {accounts}")
    random = np.random.default_rng([seed, reps, accounts])
    zones = ZONES[: int(np.clip(reps // 6, 1, len(ZONES)))]
    towns = max(8, round(0.4 * reps))
    spots = np.column_stack([random.uniform(SOUTH, NORTH, towns), random.uniform(WEST, EAST, towns)])
    size = (1 + np.arange(towns)) ** -0.8
    centre = spots[random.choice(towns, accounts, p=size / size.sum())]
    north = random.normal(0, 12 / KM_A_DEGREE, accounts)
    east = random.normal(0, 12 / KM_A_DEGREE, accounts) / np.cos(np.radians(centre[:, 0]))
    places = centre + np.column_stack([north, east])
    zone = np.clip((places[:, 1] - WEST) / (EAST - WEST) * len(zones), 0, len(zones) - 1).astype(np.int64)
    team = tuple(_reps(random, places, zone, zones, reps))
    potential = random.lognormal(11, 1, accounts)
    work = np.sqrt(potential) * random.lognormal(0, 0.3, accounts)
    work *= FILLED * sum(rep.capacity for rep in team) / work.sum()
    industries = random.choice(INDUSTRIES, accounts)
    bare = [
        Account(
            id=f"A{i + 1:05}",
            latitude=round(float(places[i, 0]), 4),
            longitude=round(float(places[i, 1]), 4),
            potential=round(float(potential[i]), 2),
            workload=round(float(work[i]), 2),
            industry=str(industries[i]),
            languages=frozenset({zones[zone[i]]}),
        )
        for i in range(accounts)
    ]
    return _owned(random, bare, team)


def _reps(random: np.random.Generator, places: Floats, zone: Ints, zones: tuple[str, ...], count: int) -> list[Rep]:
    # By longitude, so that the share of reps in each zone is that of accounts.
    order = np.argsort(places[:, 1])
    homes = order[((np.arange(count) + random.random(count)) * len(order) / count).astype(np.int64)]
    has = random.random((count, len(SKILLS))) < 1 / 3
    for one in range(len(zones)):
        local = np.flatnonzero(zone[homes] == one)
        for skill in range(len(SKILLS)):
            has[[local[(2 * skill + j) % len(local)] for j in range(2)], skill] = True
    made = []
    for k, home in enumerate(homes):
        spoken = {zones[zone[home]]}
        if random.random() < 0.5:
            spoken.add(zones[int(np.clip(zone[home] + random.choice([-1, 1]), 0, len(zones) - 1))])
        made.append(
            Rep(
                id=f"R{k + 1:03}",
                latitude=round(float(places[home, 0] + random.normal(0, 0.1)), 4),
                longitude=round(float(places[home, 1] + random.normal(0, 0.1)), 4),
                capacity=HOURS * float(random.choice([1.0, 0.75, 0.5], p=[0.8, 0.1, 0.1])),
                name=f"Rep {k + 1}",
                skills=frozenset(skill for skill, yes in zip(SKILLS, has[k], strict=True) if yes),
                languages=frozenset(spoken),
            )
        )
    return made


def _owned(random: np.random.Generator, bare: list[Account], team: tuple[Rep, ...]) -> Organisation:
    km = distances(
        np.array([(one.latitude, one.longitude) for one in bare]),
        np.array([(rep.latitude, rep.longitude) for rep in team]),
    )
    accounts: list[Account] = []
    named, locked = {}, {}
    for i, account in enumerate(bare):
        needs = SKILLED.get(account.industry, frozenset())
        able = [k for k in np.argsort(km[i]) if needs <= team[k].skills and account.languages & team[k].languages]
        chance, years = random.random(), float(random.exponential(3.0))
        owner, known = None, chance < 0.95
        if known:
            owner = team[able[0 if chance < 0.7 else int(random.integers(1, 5)) % len(able)]].id
        accounts.append(replace(account, owner=owner, relationship_years=round(years, 1) if known else 0.0))
        draw = random.random()
        if draw < 0.01 and len(able) >= 3:
            named[account.id] = frozenset(team[k].id for k in able[:3])
        elif draw < 0.015 and owner is not None:
            locked[account.id] = owner
    rules = Rules(industry_skills=SKILLED, named=named, locked=locked)
    return Organisation(tuple(accounts), team, rules, f"sample_{len(team)}x{len(accounts)}")
