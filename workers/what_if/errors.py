"""Why there is no answer.

WhatIfError
├── Refused      the file, or what was asked: change it
└── Unfinished   the replay ended before it was done, or lacks a part: the message says what to do
"""


class WhatIfError(Exception):
    """There is no answer; the message says what to do."""


class Refused(WhatIfError):
    """What was given can't be replayed."""


class Unfinished(WhatIfError):
    """The replay could not run to its end."""
