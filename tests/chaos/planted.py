"""A worker with a bug planted, the bug named in FAIRLEAD_TEST_PLANT. Started by `LAUNCH` of test_chaos.py: `tests` is no
package, so that a process of its own can't import it by that name.
"""

from __future__ import annotations

import importlib
import os

from workers import __main__ as command
from workers.chaos.serving import double, own_log


def main() -> None:
    """`fairlead worker run …`, every job twice, with the bug."""
    own_log()
    getattr(importlib.import_module("plants"), os.environ["FAIRLEAD_TEST_PLANT"])(setattr)
    double()
    command.main()
