"""`python -m tests.kafka_broker --port 9092` runs a real Kafka to try things with, until Ctrl-C."""

from __future__ import annotations

import argparse
import signal
import tempfile
from pathlib import Path

from workers.engine.kafka import Broker

__all__ = ["Broker"]


def main() -> None:
    """Run a broker until Ctrl-C."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--port", type=int, default=9092)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Broker(Path(folder), given.port) as broker:
        print(f"Kafka listens at {broker.address}; Ctrl-C stops it.", flush=True)  # noqa: T201 - what it has to say
        signal.sigwait({signal.SIGINT, signal.SIGTERM})


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    main()
