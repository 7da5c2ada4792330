"""SOAP by zeep, which reads the WSDL, writes envelopes and reads answers; what is sent goes by `http`, guard and all."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from workers.runtime.errors import PermanentError, TransientError
from workers.settings_out import SoapService
from workers.web_services.adapters.http import MASK, HttpWeb, kept
from workers.web_services.domain.request import SoapCall, SoapFault

if TYPE_CHECKING:
    from zeep import Client, Transport
    from zeep.exceptions import Fault

_FAULTS = frozenset({400, 500})
"""SOAP 1.1 sends faults with 500; 1.2 with 400 where the sender is at fault."""
_THEIRS = {"Server", "Receiver"}


@dataclass(frozen=True, slots=True)
class _Reply:
    """What zeep reads of an answer."""

    status_code: int
    content: bytes
    headers: Mapping[str, str]
    encoding: str = "utf-8"


class _ReadyError(Exception):
    """zeep has made a message."""

    def __init__(self, address: str, body: str, headers: Mapping[str, str]) -> None:
        super().__init__()
        self.address, self.body, self.headers = address, body, headers


class ZeepServices:
    """Shared by all jobs of a process; a service's WSDL is read when it is first asked."""

    def __init__(self, services: Mapping[str, SoapService], web: HttpWeb) -> None:
        self._services = services
        self._web = web
        self._clients: dict[str, Client] = {}

    async def call(self, call: SoapCall) -> object | SoapFault:
        """What the operation returns, as JSON, or its fault.

        Raises:
            RateLimited, TransientError: as `HttpWeb.ask` does.
            PermanentError: the service or operation is unknown, the values do not fit it, or it refuses us.
        """
        from zeep import exceptions  # noqa: PLC0415 - with lxml, for who asks SOAP alone

        client = self._client(call.service)
        message = _message(client, call)
        request = replace(
            call.request,
            url=self._services[call.service].url or message.address,
            headers={"Accept": "text/xml, application/soap+xml", **message.headers, **call.request.headers},
            body=message.body,
        )
        answer, used = await self._web.fetch(request, caught=_FAULTS)
        content = answer.content
        for secret in used:  # some answer with what they were sent
            content = content.replace(secret.encode(), MASK.encode())
        try:
            found = _exchange(client, call, _Reply(answer.status_code, content, answer.headers))
        except exceptions.Fault as fault:
            if not fault.code:
                raise TransientError(f"{call.service} answers HTTP {answer.status_code} without a fault.") from None
            return _fault(fault)
        except (exceptions.Error, ValueError, TypeError, AttributeError, ArithmeticError) as error:
            raise TransientError(
                f"{call.service} answers with what its WSDL does not allow ({type(error).__name__}); it is asked again."
            ) from None
        return kept(_json(found))

    def _client(self, name: str) -> Client:
        from zeep import Client, Settings, exceptions  # noqa: PLC0415 - see `call`

        if name not in self._services:
            raise PermanentError(f"There is no SOAP service {name[:50]!r}; name it in FAIRLEAD_WEB_SERVICES__SOAP.")
        if name not in self._clients:
            strict = Settings(forbid_dtd=True, forbid_entities=True, forbid_external=True)
            try:
                made = Client(str(self._services[name].wsdl), transport=_transport(), settings=strict)
            except (exceptions.Error, OSError, ValueError) as error:
                raise _unread(name, type(error).__name__) from None
            if not made.wsdl.services:
                raise _unread(name, "it has no service")
            self._clients[name] = made
        return self._clients[name]


def _unread(name: str, why: str) -> PermanentError:
    return PermanentError(
        f"The WSDL of {name} can't be read ({why}). It must be whole, without a DTD, and what it imports must lie beside it."
    )


def _transport() -> Transport:
    from zeep import Transport  # noqa: PLC0415 - see `ZeepServices.call`

    class Handed(Transport):
        """Hands over what would be posted, or gives back what came."""

        reply: _Reply | None = None

        def post_xml(self, address: str, envelope: object, headers: Mapping[str, str]) -> object:
            from zeep.wsdl.utils import etree_to_string  # noqa: PLC0415 - see `ZeepServices.call`

            if self.reply is None:
                raise _ReadyError(address, etree_to_string(envelope).decode(), headers)
            return self.reply

    made: Callable[[], Transport] = Handed  # its constructor has no types
    return made()


def _exchange(client: Client, call: SoapCall, reply: _Reply | None) -> object:
    """Let zeep make the message, and read the reply if there is one; nothing is awaited meanwhile."""
    transport: Any = client.transport
    transport.reply = reply
    try:
        return client.service[call.operation](**call.values)
    finally:
        transport.reply = None


def _message(client: Client, call: SoapCall) -> _ReadyError:
    from zeep import exceptions  # noqa: PLC0415 - see `ZeepServices.call`

    try:
        _exchange(client, call, None)
    except _ReadyError as ready:
        return ready
    except AttributeError:
        raise PermanentError(f"{call.service} has no operation {call.operation[:50]!r}; its WSDL names them.") from None
    except exceptions.ValidationError as error:
        path = ".".join(str(part) for part in error.path)
        raise PermanentError(
            f"The values do not fit {call.operation} of {call.service}: {error.message}{f' ({path})' if path else ''}. Correct "
            "them on the diagram or the process instance, then retry this incident."
        ) from None
    except (exceptions.Error, TypeError, ValueError, ArithmeticError, LookupError):
        raise PermanentError(
            f"The values do not fit {call.operation} of {call.service}: a name or a kind of value is another than its WSDL "
            "says. Correct them on the diagram or the process instance, then retry this incident."
        ) from None
    raise AssertionError("zeep posts each message")


def _fault(fault: Fault) -> SoapFault:
    code = _local(fault.code)
    details = [_local(one.tag) for one in fault.detail] if hasattr(fault.detail, "iterchildren") else []
    names = (*details[:1], *(_local(str(one.localname)) for one in fault.subcodes or ()), code)
    return SoapFault(tuple(dict.fromkeys(name for name in names if name)), str(fault.message or ""), code in _THEIRS)


def _local(name: object) -> str:
    """A name without its namespace; empty: it is none."""
    return name.rpartition("}")[2].rpartition(":")[2].strip()[:100] if isinstance(name, str) else ""


def _json(value: object) -> object:
    """Whole numbers and decimals become numbers, moments texts by ISO 8601."""
    from zeep.helpers import serialize_object  # noqa: PLC0415 - see `ZeepServices.call`

    return _plain(serialize_object(value, dict))


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, Decimal | float):
        return None if not math.isfinite(value) else int(value) if value == int(value) else float(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    # The rest is an element of any kind, or bytes.
    return value if value is None or isinstance(value, bool | int | str) else str(value)
