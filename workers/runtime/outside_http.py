"""What another system answers over HTTP, as the outcome of a task or of an outbox delivery.

    answer = await asked("The CRM", http.put(address, json=lead), handled=(404,))

| answer | outcome |
|---|---|
| 2xx, and what the caller handles | returned |
| none: no connection, or it broke off | `Unreachable` |
| any error with Retry-After; 429 without | `RateLimited`: tried again after that |
| 502, 503, 504 | `Unreachable` |
| 408, 425, 5xx, no answer in time | `TransientError` |
| 401, 403, 407 | `PermanentError`: the log-in |
| any other | `PermanentError` |

Status codes and Retry-After: RFC 9110, sections 15 and 10.2.3; 425: RFC 8470; 429: RFC 6585. A message names the status and
never the body, which may hold personal data.
"""

from __future__ import annotations

from collections.abc import Awaitable, Collection
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from workers.runtime.errors import PermanentError, RateLimited, TransientError, Unreachable

LONGEST_SECONDS = 3600.0
"""However long the other side wants to be left alone, it is asked again after so long."""
UNTOLD_SECONDS = 10.0
"""After 429 without Retry-After."""
_AGAIN = {httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_EARLY}
_AWAY = {httpx.codes.BAD_GATEWAY, httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.GATEWAY_TIMEOUT}
_LOG_IN = {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN, httpx.codes.PROXY_AUTHENTICATION_REQUIRED}


async def asked(title: str, call: Awaitable[httpx.Response], *, handled: Collection[int] = ()) -> httpx.Response:
    """Wait for the call's answer and return it, if it is a success or its status is one of `handled`.

    `title` is who was asked, as a message begins: ``The CRM``.

    Raises:
        RateLimited: it said when to come back.
        Unreachable: it, or what stands before it, is away.
        TransientError: it may work the next time. It may also have done what it was asked: send what is safe to repeat.
        PermanentError: it refuses the request or the log-in; the message says what to do.
    """
    try:
        answer = await call
    except httpx.TimeoutException as error:
        if isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout):
            raise Unreachable(f"{title} can't be reached ({type(error).__name__}).") from error
        raise TransientError(f"{title} gave no answer in time ({type(error).__name__}).") from error
    except httpx.TransportError as error:
        raise Unreachable(f"{title} can't be reached ({type(error).__name__}).") from error
    if answer.is_success or answer.status_code in handled:
        return answer
    raise _outcome(title, answer)


def retry_after(answer: httpx.Response) -> float | None:
    """Seconds from its receipt after which the sender wants to be asked again, at most `LONGEST_SECONDS`; None: untold.

    A date is held against the sender's own clock, if it told its time.
    """
    told = answer.headers.get("Retry-After", "").strip()
    if told.isascii() and told.isdigit():
        return min(float(told), LONGEST_SECONDS)
    at = _date(told)
    if at is None:
        return None
    now = _date(answer.headers.get("Date", "")) or datetime.now(UTC)
    return min(max((at - now).total_seconds(), 0.0), LONGEST_SECONDS)


def _outcome(title: str, answer: httpx.Response) -> PermanentError | TransientError:
    status = f"HTTP {answer.status_code} {answer.reason_phrase}".strip()
    wait = retry_after(answer) if answer.is_error else None
    if wait is None and answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
        wait = UNTOLD_SECONDS
    if wait is not None:
        return RateLimited(f"{title} asks to come back in {wait:.0f} s ({status}).", retry_after=wait)
    if answer.status_code in _AWAY:
        return Unreachable(f"{title} is away ({status}).")
    if answer.status_code in _AGAIN or answer.is_server_error:
        return TransientError(f"{title} could not do it this time ({status}).")
    if answer.status_code in _LOG_IN:
        return PermanentError(
            f"{title} refuses our log-in ({status}). Set credentials that may do this, start the workers again, then "
            "retry."
        )
    if answer.has_redirect_location:
        return PermanentError(
            f"{title} has moved ({status}). Set its new address, start the workers again, then retry."
        )
    return PermanentError(
        f"{title} refuses the request ({status}). Its own log says why; correct the data or the adapter, then retry."
    )


def _date(text: str) -> datetime | None:
    """An HTTP-date in any of its three forms, all of which are in UTC."""
    try:
        found = parsedate_to_datetime(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
