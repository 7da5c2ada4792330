"""What can go wrong with an engine. Every message says what happened and what to do.

EngineError
├── DownloadError           a part could not be fetched, or is not what its publisher says it is
├── DiskFullError           there is no room on the disk, or not enough for an engine to work
├── PortBusyError           another program holds a port that is needed
├── StartError              a program died or did not become ready
├── UnreachableError        a remote cluster does not answer as it should
└── NotRunningError         nothing runs for this home folder
"""

from __future__ import annotations


class EngineError(Exception):
    """Something about the engine went wrong; the message is meant for the person at the keyboard."""


class DownloadError(EngineError):
    """A part could not be fetched, or is not what its publisher says it is."""


class DiskFullError(EngineError):
    """There is no room on the disk, or not enough for an engine to work."""


class PortBusyError(EngineError):
    """Another program holds a port that is needed."""


class StartError(EngineError):
    """A program of the stack died or did not become ready in time."""


class UnreachableError(EngineError):
    """A remote cluster does not answer, or answers that it is unhealthy."""


class NotRunningError(EngineError):
    """Nothing of Fairlead runs for this home folder."""
