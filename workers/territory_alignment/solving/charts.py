"""Pictures of plans, by matplotlib: a map of each scenario, and the loads."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from workers.territory_alignment.solving import model as models
from workers.territory_alignment.solving.geography import Ints
from workers.territory_alignment.solving.organisation import Organisation
from workers.territory_alignment.solving.plan import Plan

GONE = "#d1d5db"
"""Colour of accounts that nobody has."""


def png(plan: Plan, *, others: Sequence[Plan] = ()) -> bytes:
    """Today, the plan, and other scenarios as maps side by side, loads below; each 600 x 800 pixels."""
    organisation = plan.organisation
    scenes = [("today", organisation, models.owners(organisation))]
    scenes += [(one.version, one.organisation, one.owner) for one in (plan, *others)]
    colours = _colours([rep.id for _, scene, _ in scenes for rep in scene.reps])
    figure = Figure(figsize=(6 * len(scenes), 8), dpi=100, layout="constrained")
    axes = figure.subplots(2, len(scenes), height_ratios=[3, 1], squeeze=False)
    for column, (title, scene, owner) in enumerate(scenes):
        _map(axes[0, column], title, scene, owner, colours)
        _loads(axes[1, column], scene, owner, colours)
    out = io.BytesIO()
    figure.savefig(out, format="png")
    return out.getvalue()


def _colours(names: Sequence[str]) -> dict[str, tuple[float, float, float, float]]:
    # Reps that follow each other get hues far apart.
    some = dict.fromkeys(names)
    hues = colormaps["hsv"]((np.arange(len(some)) * 0.618034) % 1.0)
    return {name: (*(0.85 * hue[:3]).tolist(), 1.0) for name, hue in zip(some, hues, strict=True)}


def _map(
    axes: Axes, title: str, scene: Organisation, owner: Ints, colours: dict[str, tuple[float, float, float, float]]
) -> None:
    places, homes = models.places(scene.accounts), models.places(scene.reps)
    potential = np.array([account.potential for account in scene.accounts])
    size = 4 + 60 * potential / max(float(potential.max()), 1e-12)
    shades = [GONE if k < 0 else colours[scene.reps[k].id] for k in owner]
    axes.scatter(places[:, 1], places[:, 0], s=size, c=shades, alpha=0.75, linewidths=0)
    axes.scatter(
        homes[:, 1],
        homes[:, 0],
        marker="^",
        s=40,
        c=[colours[rep.id] for rep in scene.reps],
        edgecolors="black",
        linewidths=0.7,
    )
    axes.set_title(title, loc="left", fontsize=11)
    # A degree of longitude is shorter than one of latitude.
    axes.set_aspect(1 / np.cos(np.radians(places[:, 0].mean())))
    axes.set_xlabel("accounts by potential, reps' homes as triangles", fontsize=8)
    axes.tick_params(labelsize=7)


def _loads(axes: Axes, scene: Organisation, owner: Ints, colours: dict[str, tuple[float, float, float, float]]) -> None:
    work = np.array([account.workload for account in scene.accounts])
    capacity = np.array([rep.capacity for rep in scene.reps])
    load = models.totals(owner, work, len(capacity)) / capacity
    order = np.argsort(-load)
    axes.bar(np.arange(len(load)), load[order], color=[colours[scene.reps[k].id] for k in order], width=0.9)
    limit = (models.limits(scene) / capacity)[order]
    axes.step(
        np.arange(len(load)), np.where(np.isfinite(limit), limit, np.nan), where="mid", color="#b91c1c", linewidth=1
    )
    axes.set_ylabel("load / capacity", fontsize=8)
    axes.set_xticks([])
    axes.tick_params(labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)
