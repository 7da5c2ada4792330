"""`fairlead live`: what happens to leads right now."""

from __future__ import annotations


def live() -> None:
    """Show leads, people's tasks, time limits and latencies, refreshed each second, until Ctrl-C."""
    import asyncio
    import contextlib

    from workers.sample.live import follow
    from workers.settings import get_settings

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(follow(get_settings()))
