"""What can be wrong with a wish about versions. Each message says what to do.

VersionError
├── NoSuchVersion   the read model knows no such process or version
├── NotNow          it does not fit what is the case at present
└── PlanRefused     a migration plan can't be read, or says what is no longer so
"""

from __future__ import annotations


class VersionError(Exception):
    """A wish about versions can't be granted."""


class NoSuchVersion(VersionError):
    """The read model knows no such process or version."""


class NotNow(VersionError):
    """It does not fit what is the case at present."""


class PlanRefused(VersionError):
    """A migration plan can't be read, or says what is no longer so."""
