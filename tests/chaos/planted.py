"""A worker with a bug planted: `python -m tests.chaos.planted worker run …`, the bug named in FAIRLEAD_TEST_PLANT."""

from __future__ import annotations

import os

from tests.chaos import plants
from workers import __main__ as command
from workers.chaos.serving import double, own_log

if __name__ == "__main__":
    own_log()
    getattr(plants, os.environ["FAIRLEAD_TEST_PLANT"])(setattr)
    double()
    command.main()
