"""SOAP by a WSDL: what is sent fits it, what comes back is JSON, faults are BPMN errors or said in words."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from tests.simulators.orders import TOKEN, WSDL, Orders
from workers.connectors.outbound import GuardedTransport
from workers.runtime.errors import PermanentError, TransientError
from workers.settings_out import SoapService
from workers.web_services.adapters.http import HttpWeb
from workers.web_services.adapters.soap import ZeepServices
from workers.web_services.domain.request import Secret
from workers.web_services.ports import StatusCaught, WebServicesPorts
from workers.web_services.tasks.soap_request import SoapRequestInput, soap_request

SECRETS = {"ORDERS": Secret(TOKEN, frozenset({"127.0.0.1"}))}


@pytest.fixture
async def ports(other: Orders) -> AsyncIterator[WebServicesPorts]:
    web = HttpWeb(GuardedTransport(trusted_hosts=["127.0.0.1"]), SECRETS)
    services = {"orders": SoapService(wsdl=WSDL, url=f"{other.url}/soap")}
    work: Any = SimpleNamespace(job=SimpleNamespace(element_id="soap_request__order"))
    yield WebServicesPorts(web=web, soap=ZeepServices(services, web), work=work)
    await web.close()


async def ask(ports: WebServicesPorts, body: dict[str, Any], **given: Any) -> Any:
    asked = {
        "case_id": "deal-1", "soap_service": "orders", "soap_operation": "PlaceOrder", "soap_body": body,
        "request_auth": "bearer", "auth_secret": "{{secrets.ORDERS}}",
    }  # fmt: skip
    found = await soap_request(SoapRequestInput.model_validate(asked | given), ports)
    return found.response.body


async def test_an_order_is_placed_as_the_wsdl_says(ports: WebServicesPorts, other: Orders) -> None:
    lines = [{"product": "core & more <1>", "pieces": 2}, {"product": "planning", "pieces": 1}]
    answer = await ask(ports, {"amount": 2.5, "customer": "Ána", "lines": lines})
    assert answer == {"number": "S-1", "total": 2.5, "due": "2026-12-24"}
    assert other.orders == [{"customer": "Ána", "amount": "2.5", "lines": 2}]
    await ask(ports, {"amount": 3, "customer": "ben"})
    assert len(set(other.asked)) == 1, "the same case and element have the same key"
    assert other.asked[0]


async def test_faults(ports: WebServicesPorts) -> None:
    nobody = {"customer": "nobody", "amount": 1}
    with pytest.raises(StatusCaught) as caught:
        await ask(ports, nobody, error_codes={"UnknownCustomer": "customer_unknown", "*": "refused"})
    assert caught.value.thrown == "customer_unknown"
    assert caught.value.variables == {"response": {"fault": "UnknownCustomer", "message": "We know no nobody, ***"}}
    with pytest.raises(StatusCaught) as caught:
        await ask(ports, nobody, error_codes={"Client": "client", "*": "refused"})
    assert caught.value.thrown == "client"
    with pytest.raises(PermanentError, match=r"fault UnknownCustomer, Client\. Correct the values"):
        await ask(ports, nobody)
    with pytest.raises(PermanentError, match="fault Client") as refused:
        await ask(ports, {"customer": "ana", "amount": "t0ps3cret"})
    assert "t0ps3cret" not in str(refused.value)
    with pytest.raises(TransientError, match="fault Server"):
        await ask(ports, {"customer": "busy", "amount": 1})
    with pytest.raises(StatusCaught):
        await ask(ports, {"customer": "busy", "amount": 1}, error_codes={"*": "refused"})


@pytest.mark.parametrize(
    ("body", "given", "why"),
    [
        ({"amount": 1}, {}, "Missing element customer"),
        ({"customer": "ana", "amount": 1, "colour": "red"}, {}, "another than its WSDL says"),
        ({"customer": "a\0b", "amount": 1}, {}, "another than its WSDL says"),
        ({}, {"soap_operation": "Burn"}, "no operation 'Burn'"),
        ({}, {"soap_service": "other"}, "no SOAP service 'other'"),
        ({"customer": "ana", "amount": 1}, {"auth_secret": "itself"}, "does not belong into a diagram"),
    ],
)
async def test_what_does_not_fit_is_not_sent(
    ports: WebServicesPorts, other: Orders, body: dict[str, Any], given: dict[str, Any], why: str
) -> None:
    with pytest.raises(PermanentError, match=why):
        await ask(ports, body, **given)
    assert other.asked == []


@pytest.mark.parametrize(
    "content",
    [b"<html>Busy</html>", b"<half", b"", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'],
)
@pytest.mark.parametrize("status", [200, 500])
async def test_an_answer_that_is_no_soap_is_asked_for_again(content: bytes, status: int) -> None:
    web = HttpWeb(httpx.MockTransport(lambda _: httpx.Response(status, content=content)), SECRETS)
    ports = WebServicesPorts(
        web=web,
        soap=ZeepServices({"orders": SoapService(wsdl=WSDL)}, web),
        work=SimpleNamespace(job=SimpleNamespace(element_id="soap_request")),
    )
    with pytest.raises(TransientError):
        await ask(ports, {"customer": "ana", "amount": 1}, request_auth="none")
    await web.close()


@pytest.mark.parametrize(
    "wsdl", ["", "<html/>", '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>', None]
)
async def test_a_wsdl_that_is_none(wsdl: str | None, tmp_path: Path) -> None:
    file = tmp_path / "one.wsdl"
    if wsdl is not None:
        file.write_text(wsdl)
    web = HttpWeb(httpx.MockTransport(lambda _: httpx.Response(200)), {})
    soap = ZeepServices({"orders": SoapService(wsdl=file)}, web)
    work: Any = SimpleNamespace(job=SimpleNamespace(element_id="soap_request"))
    with pytest.raises(PermanentError, match="can't be read"):
        await ask(WebServicesPorts(web=web, soap=soap, work=work), {})
    imported = WSDL.read_text().replace(
        "<wsdl:types>", '<wsdl:import namespace="urn:x" location="http://10.0.0.1/x.wsdl"/><wsdl:types>'
    )
    file.write_text(imported)
    with pytest.raises(PermanentError, match="can't be read"):
        await ask(WebServicesPorts(web=web, soap=soap, work=work), {})
    await web.close()
