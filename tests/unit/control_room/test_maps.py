"""Maps: what is north lies above, distances are true, and who has what is told by colour and ring."""

from __future__ import annotations

import math
import re

import pytest

from workers.control_room.maps import HEIGHT, RING, SIZES, WIDTH, Atlas, Home, Spot, atlas

VIENNA, GRAZ, LINZ = (48.2, 16.37), (47.07, 15.44), (48.3, 14.29)


def drawn(*spots: Spot, homes: tuple[Home, ...] = (), owners: tuple[str, ...] = ("ada", "bob")) -> Atlas:
    found = atlas(spots, homes, owners)
    assert found is not None
    return found


def points(found: Atlas, number: int = 0) -> dict[str | None, list[tuple[int, int]]]:
    return {
        dots.owner: [(int(x), int(y)) for _, path in dots.paths for x, y in re.findall(r"M(\d+) (\d+)h0", path)]
        for dots in found.maps[number]
    }


def test_places_keep_their_directions_and_distances() -> None:
    found = drawn(*(Spot(place, 1.0, (name,)) for place, name in ((VIENNA, "v"), (GRAZ, "g"), (LINZ, "l"))))
    at = {owner: place for owner, (place,) in points(found).items()}
    assert at["l"][0] < at["g"][0] < at["v"][0]
    assert at["l"][1] < at["v"][1] < at["g"][1], "downwards is south"
    assert all(0 < x < WIDTH and 0 < y < HEIGHT for x, y in at.values())
    # Great circles (km): Vienna to Graz 144, to Linz 154; true at the middle latitude only.
    assert math.dist(at["v"], at["g"]) / math.dist(at["v"], at["l"]) == pytest.approx(144 / 154, rel=0.02)


def test_sizes_follow_the_weight_and_what_changes_hands_has_a_ring() -> None:
    found = drawn(Spot(VIENNA, 100.0, ("ada", "bob")), Spot(GRAZ, 1.0, ("ada", "ada")), Spot(LINZ, 0.0, (None, "bob")),
                  homes=(Home("bob", "Bob", LINZ),))  # fmt: skip
    today, planned = found.maps
    assert [dots.owner for dots in today] == [None, "ada"], "what is nobody's lies below"
    assert [size for size, _ in today[1].paths] == [SIZES[-1], SIZES[0]]
    assert points(found, 1)["bob"] == [points(found)["ada"][0], points(found)[None][0]]
    assert [size for size, _ in found.rings] == [SIZES[-1] + RING, SIZES[0] + RING]
    assert [home.called for home, _ in found.homes] == ["Bob"]
    assert len(set(found.colours.values())) == 2
    assert planned[-1].owner == "bob"


def test_one_place_is_in_the_middle_and_none_is_no_map() -> None:
    assert points(drawn(Spot(VIENNA, 0.0, ("ada",)), Spot(VIENNA, 0.0, ("ada",)))) == {
        "ada": [(WIDTH // 2, HEIGHT // 2)] * 2
    }
    assert drawn(homes=(Home("ada", "Ada", (90.0, 0.0)),)).maps == ()
    assert atlas([], [], ["ada"]) is None
