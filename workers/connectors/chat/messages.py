"""A notice as Slack and Teams take it.

Slack: Block Kit in an incoming webhook, https://docs.slack.dev/messaging/formatting-message-text and
https://docs.slack.dev/reference/block-kit/blocks/section-block. Teams: an Adaptive Card in a message of a workflow,
https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]  # Any: JSON

SECTION = 3_000
"""Characters of a section's text in Slack."""
SECTIONS = 45
"""Slack takes 50 blocks."""
CARD_BYTES = 28_000
"""Of a message to Teams, whose limit is 28 KB."""
MORE = "… there is more; the mail or the control room has it."

_LINK = re.compile(r"^(?P<words>[^\n]{1,80}): (?P<url>https?://\S+)$")
_URL = re.compile(r"https?://[^\s<>|]+")
_MARKDOWN = re.compile(r"([\\*_\[\]()`~#])")


def slack(subject: str, text: str) -> Json:
    """The body of an incoming webhook."""
    sections = [f"*{_slack_text(subject)}*"]
    paragraphs, link = _parts(text)
    sections += [_slack_text(part) for paragraph in paragraphs for part in _cut(paragraph)]
    if link:
        sections.append(f"<{_slack_text(link['url'])}|{_slack_text(link['words'])}>")
    if len(sections) > SECTIONS:
        sections = [*sections[:SECTIONS], MORE]
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": one}} for one in sections]
    return {"text": _slack_text(subject), "blocks": blocks}


def teams(subject: str, text: str) -> Json:
    """The body of a request to a workflow of Teams; what is too much for it is left out, and said so."""
    blocks: list[Json] = [_block(subject) | {"weight": "Bolder", "size": "Medium"}]
    paragraphs, link = _parts(text)
    blocks += [_block(part) for paragraph in paragraphs for part in _cut(paragraph)]
    actions = [{"type": "Action.OpenUrl", "title": link["words"], "url": link["url"]}] if link else []
    message = _card(blocks, actions)
    while len(json.dumps(message).encode()) > CARD_BYTES:
        blocks = [*blocks[: 1 + (len(blocks) - 1) * 3 // 4], _block(MORE)] if len(blocks) > 3 else [_block(MORE)]
        message = _card(blocks, actions)
    return message


def _card(blocks: list[Json], actions: list[Json]) -> Json:
    card: Json = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": blocks,
        "actions": actions,
    }
    content_type = "application/vnd.microsoft.card.adaptive"
    return {"type": "message", "attachments": [{"contentType": content_type, "contentUrl": None, "content": card}]}


def _block(text: str) -> Json:
    # A link is written out; all else that Markdown would take as a mark is not one.
    pieces, after = [], 0
    for found in _URL.finditer(text):
        pieces += [_unmarked(text[after : found.start()]), f"[{_unmarked(found[0])}]({found[0]})"]
        after = found.end()
    pieces.append(_unmarked(text[after:]))
    return {"type": "TextBlock", "text": "".join(pieces).replace("\n", "\n\n"), "wrap": True}


def _unmarked(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", text)


def _parts(text: str) -> tuple[list[str], re.Match[str] | None]:
    """The paragraphs of a letter, and the link at its end: nowhere else does an address hide behind words."""
    paragraphs = [one.strip("\n") for one in re.split(r"\n{2,}", text) if one.strip()]
    link = _LINK.match(paragraphs[-1]) if paragraphs else None
    return paragraphs[:-1] if link else paragraphs, link


def _cut(paragraph: str) -> Iterator[str]:
    """Parts that fit into a section also when each character is escaped."""
    size = SECTION // 5
    yield from (paragraph[at : at + size] for at in range(0, len(paragraph), size))


def _slack_text(text: str) -> str:
    """What Slack takes as text: no link, no mention of everybody."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
