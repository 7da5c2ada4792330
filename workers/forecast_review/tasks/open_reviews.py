"""Tell people which segments they are asked about, and until when."""

from __future__ import annotations

from collections import Counter

from pydantic import AwareDatetime

from workers.forecast_review.domain import letters
from workers.forecast_review.domain.needs import ToReview
from workers.forecast_review.ports import ForecastReviewPorts
from workers.office.letters import CHANNEL
from workers.runtime.task import Contract, task


class OpenReviewsInput(Contract):
    """Who is asked about what."""

    forecast_id: str
    organisation: str
    organisation_name: str
    release: int
    reviews: list[ToReview]
    review_minutes: float
    """Working minutes until what nobody decided stands as it is."""


class OpenReviewsOutput(Contract):
    """When reviews are closed."""

    reviews_close_at: AwareDatetime


@task(business_id="forecast_id", effect="once", loop="release")
async def open_reviews(given: OpenReviewsInput, ports: ForecastReviewPorts) -> OpenReviewsOutput:
    """One mail for each group or person, however many segments there are."""
    due = await ports.book.deadlines(given.organisation, {"close_at": given.review_minutes}, ports.clock())
    asked = Counter((one.group, one.assignee) for one in given.reviews)
    for (group, person), count in sorted(asked.items(), key=lambda item: (item[0][0], item[0][1] or "")):
        letter = letters.reviews_asked(
            given.organisation_name, count, close_at=due["close_at"], link=ports.notices.tasks
        )
        await ports.work.send(CHANNEL, letter.to(await ports.notices.addresses(given.forecast_id, group, person)))
    await ports.work.note(
        "reviews_opened",
        f"{len(given.reviews)} segments wait for a person.",
        groups={group: count for (group, _), count in asked.items()},
        close_at=due["close_at"].isoformat(),
    )
    return OpenReviewsOutput(reviews_close_at=due["close_at"])
