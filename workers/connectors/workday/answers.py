"""What Workday's answers to a report mean, if it is none.

Its own words are left out, as they may repeat values; only the name of a prompt that is missing is taken from them. Too many
requests are told by 429, and sometimes by 500: https://developer.workday.com (Integrations, EIB, and Web Service Limits).
"""

from __future__ import annotations

import re

from workers.connectors.answers import REFUSED_SECONDS, Answer, SystemDown, SystemPause, SystemRefused
from workers.runtime.outside_http import UNTOLD_SECONDS

_PROMPT = re.compile(rb"[Rr]eport parameter ([A-Za-z][\w ]{0,60}) is required")

ADVICE_LOG_IN = (
    "Is the user's password right and not expired, is the account not locked, does its authentication policy allow this "
    "machine, or was the refresh token taken back?"
)


def refused_log_in() -> SystemPause:
    """The log-in does not count."""
    return SystemPause(f"Workday refuses the log-in (401). {ADVICE_LOG_IN}", REFUSED_SECONDS)


def web_page(answer: Answer) -> SystemDown:
    """A page for people came, where a report should be."""
    return SystemDown(
        f"Workday answered with a web page instead of a report ({answer.form}): a log-in page, or one on maintenance. Is "
        "FAIRLEAD_WORKDAY__BASE_URL the host of the report's own address (Actions > Web Service > View URLs)?"
    )


def failure(answer: Answer, report: str) -> Exception:
    """What an answer is that brings no report; `report` is the report's name."""
    status = answer.status
    if status == 401:
        return refused_log_in()
    if status == 429 or (status >= 500 and answer.pause):
        seconds = UNTOLD_SECONDS if answer.pause is None else max(answer.pause, 1.0)
        return SystemPause(f"Workday asks for a pause (status {status}).", seconds)
    if 300 <= status < 400:
        return web_page(answer)
    if status >= 500:
        return SystemDown(f"Workday could not run the report {report} ({answer.form}).")
    return _refused(answer, report)


def _refused(answer: Answer, report: str) -> SystemRefused:
    """The report can't be run so."""
    if answer.status == 403:
        return SystemRefused(
            f"Workday does not let our user run the report {report} (403). Share it with the user or its security group, and "
            "give the group the domains of the report's data source and fields; then activate the pending changes."
        )
    if answer.status == 404:
        return SystemRefused(
            f"Workday knows no report {report} (404). Compare FAIRLEAD_WORKDAY__TENANT and the report's owner/name with its "
            "address (Actions > Web Service > View URLs); it must be enabled as a web service."
        )
    prompts = sorted({one.decode().replace(" ", "_") for one in _PROMPT.findall(answer.content)})
    missing = f" It needs the prompt {', '.join(prompts)}." if prompts else " Are its prompts right?"
    return SystemRefused(f"Workday does not run the report {report} as asked ({answer.form}).{missing}")
