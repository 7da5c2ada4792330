"""What can go wrong when quotas are planned.

::

    QuotaError
    ├── InputError   the input cannot be used, or what was asked for cannot be done
    ├── ClashError   no split keeps all rules; carries those that clash
    └── NoPlanError  no such version is stored
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workers.quota_approval.planning.limits import Limit


class QuotaError(Exception):
    """Quotas could not be planned."""


class InputError(QuotaError):
    """The input cannot be used."""


class ClashError(QuotaError):
    """No split keeps all rules; `clash` is an irreducible set of them: without any one of these the others can hold."""

    def __init__(self, text: str, clash: Sequence[Limit]) -> None:
        super().__init__(text)
        self.clash = tuple(clash)


class NoPlanError(QuotaError):
    """No such version is stored; `fairlead quota plan` makes one."""
