"""Loops that numpy cannot express, compiled by Numba: once a machine, kept in a cache beside the source."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar, cast

import numba
import numpy as np

from workers.territory_alignment.solving.geography import Floats
from workers.territory_alignment.solving.model import Model, room

F = TypeVar("F", bound=Callable[..., object])


def compiled(function: F) -> F:
    """The function as machine code, for the types it is first called with. It runs beside Python's other threads."""
    try:
        return cast("F", numba.njit(function, cache=True, nogil=True, error_model="numpy"))
    except RuntimeError:  # neither the source's folder nor the user's cache can be written: each process compiles anew
        return cast("F", numba.njit(function, nogil=True, error_model="numpy"))


class Arrays(NamedTuple):
    """A model as compiled code reads it: n accounts, m reps, B balances."""

    cost: Floats
    """n x m, or m x n where reps come first."""
    work: Floats
    """Likewise."""
    room: Floats
    """By rep, the limit with what rounding may take."""
    amounts: Floats
    """B x n."""
    target: Floats
    """B x m."""
    tolerance: Floats
    """B x m."""
    price: Floats
    """By balance."""


def arrays(model: Model, cost: Floats, *, reps_first: bool = False) -> Arrays:
    """The arrays of a model, with other costs than its own if they are other; always of the same types, so that what is
    compiled fits every model.
    """
    accounts, reps = model.size
    balances = model.balances
    return Arrays(
        np.ascontiguousarray(cost.T if reps_first else cost, float),
        np.ascontiguousarray(model.work.T if reps_first else model.work, float),
        room(model.limit),
        np.array([one.amount for one in balances], float).reshape(-1, accounts),
        np.array([one.target for one in balances], float).reshape(-1, reps),
        np.array([one.tolerance for one in balances], float).reshape(-1, reps),
        np.array([one.price for one in balances], float),
    )
