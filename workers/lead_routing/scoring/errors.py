"""What can go wrong in scoring.

::

    ScoringError
    ├── SchemaError      the feature schema contradicts itself or the file
    ├── DataError        rows that cannot be used
    │   └── LeadError    one lead that cannot be scored: a required feature is missing
    ├── ArtifactError    stored model bytes that are broken or of a foreign kind
    └── NoModelError     nothing was trained or activated yet
"""

from __future__ import annotations


class ScoringError(Exception):
    """Scoring failed."""


class SchemaError(ScoringError):
    """The feature schema cannot be used."""


class DataError(ScoringError):
    """The rows cannot be used."""


class LeadError(DataError):
    """The lead cannot be scored because a required feature is missing."""


class ArtifactError(ScoringError):
    """The stored model cannot be loaded."""


class NoModelError(ScoringError):
    """No model is active; train one with `fairlead scorer train`."""
