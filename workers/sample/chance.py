"""Seeded chance: one generator for each question, so that one answer more or less changes no other."""

from __future__ import annotations

import random


def seeded(*parts: object) -> random.Random:
    """A generator that depends on nothing but `parts`, the same in every process."""
    return random.Random("/".join(map(str, parts)))  # noqa: S311 - sample data, no secrets
