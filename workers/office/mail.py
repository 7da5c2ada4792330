"""Mail by SMTP.

E-mail cannot be sent exactly once: when a connection breaks after the last dot, nobody knows whether the server took
the mail. This errs on the side of *at least once*: the mail is sent again, with the same Message-ID, which mail
systems and people's programs use to recognise a repeat.
"""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from typing import Any

from workers.office.letters import CHANNEL
from workers.office.rooms import Rooms
from workers.runtime.breaker import Breaker
from workers.runtime.errors import PermanentError, TransientError
from workers.runtime.outbox import Deliver, OutboxRow
from workers.runtime.resources import Resources
from workers.settings import Mail

_DELIVERY = "office.mail"


def deliveries(resources: Resources) -> Mapping[str, Deliver]:
    """Mail's part of a context's `wiring.deliveries`; all contexts get the same one, with one breaker."""
    if _DELIVERY not in resources.cache:
        settings = resources.settings
        resources.cache[_DELIVERY] = SmtpDelivery(
            settings.mail,
            port=settings.mail.port or settings.ports.smtp,
            rooms=Rooms(settings.chat.rooms, resources.pool),
        )
    return {CHANNEL: resources.cache[_DELIVERY]}


class MailServerDown(TransientError):
    """The mail server did not answer."""

    runbook = "mail-away"


class SmtpDelivery:
    """Sends the mails of the outbox; see the module's docstring for which way it errs. What is written to somebody who
    has a room is passed on to there first.
    """

    def __init__(self, mail: Mail, *, port: int, rooms: Rooms | None = None) -> None:
        self._mail = mail
        self._port = port
        self._rooms = rooms
        self._breaker = Breaker("mail")

    async def __call__(self, row: OutboxRow) -> None:
        """Send one mail.

        Raises:
            TransientError: the server is away or asks to try later.
            DependencyDown: it was away several times in a row; nothing was sent.
            PermanentError: the server refuses the mail, or the payload is not one of ours.
        """
        if self._rooms is not None:
            left = await self._rooms.share(row)
            if left is None:
                return
            row = left
        with self._breaker.guard(MailServerDown):
            await self._send(row)

    async def _send(self, row: OutboxRow) -> None:
        import aiosmtplib  # noqa: PLC0415 - only the dispatcher sends mail; workers that write one stay light

        message = compose(row, self._mail.sender)
        password = self._mail.password.get_secret_value() if self._mail.password else None
        try:
            await aiosmtplib.send(
                message,
                hostname=self._mail.host,
                port=self._port,
                username=self._mail.username,
                password=password,
                start_tls=self._mail.starttls,
                tls_context=ssl.create_default_context() if self._mail.starttls else None,
                timeout=self._mail.timeout_seconds,
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            codes = {refused.code for refused in error.recipients}
            raise _refusal(max(codes, default=550), "its recipients") from error
        except aiosmtplib.SMTPAuthenticationError as error:
            raise _refusal(error.code, "our log-in; check FAIRLEAD_MAIL__USERNAME and its password") from error
        except aiosmtplib.SMTPResponseException as error:
            raise _refusal(error.code, "it") from error
        except (aiosmtplib.SMTPException, OSError) as error:
            # Nobody to ask, or the line broke: it may go away, and a repeat is recognisable.
            raise MailServerDown(f"The mail server did not answer ({type(error).__name__}).") from error


def compose(row: OutboxRow, sender: str) -> EmailMessage:
    """The mail of an outbox row, plain text with an HTML alternative. Its Message-ID depends on the row alone.

    Raises:
        PermanentError: the payload lacks something, or an address cannot be one.
    """
    payload: dict[str, Any] = row.payload
    message = EmailMessage()
    try:
        message["From"] = sender
        message["To"] = [Address(addr_spec=address) for address in payload["to"]]
        message["Subject"] = payload["subject"]
        message.set_content(payload["text"])
        message.add_alternative(payload["html"], subtype="html")
    except (KeyError, ValueError, IndexError) as error:
        raise PermanentError(f"This mail can't be sent ({type(error).__name__}); drop it, or correct it.") from error
    if not payload["to"]:
        raise PermanentError("This mail has no recipient; set FAIRLEAD_MAIL__SALES_OPS, then send it again.")
    domain = parseaddr(sender)[1].rpartition("@")[2] or "localhost"
    digest = hashlib.sha256(f"{row.channel}:{row.external_id}".encode()).hexdigest()[:32]
    message["Message-ID"] = f"<{digest}@{domain}>"
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: out-of-office replies stay away
    return message


def _refusal(code: int, what: str) -> TransientError | PermanentError:
    # RFC 5321, 4.2.1: 4xx may go away, 5xx will not.
    if 400 <= code < 500:
        return TransientError(f"The mail server refused {what} for now ({code}).")
    return PermanentError(f"The mail server refused {what} ({code}).")
