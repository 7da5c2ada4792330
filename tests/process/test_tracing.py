"""One lead, one trace: over HTTP into the engine, through every job and a person's pause, to CRM and mail."""

from __future__ import annotations

from tests.process.house import GOOD_LEAD, House
from tests.spans import context, events, is_below, recorded, traces
from tests.unit.gateway.helpers import Board, client_of
from workers.gateway.app import create_app


async def test_a_lead_is_one_trace_and_a_withdrawal_is_linked_to_what_it_undoes(house: House) -> None:
    with recorded() as spans:
        # A worker asks for the context from its next look on: those that served before tracing began start anew.
        await house.stop()
        await house.serve()
        async with client_of(create_app(house.settings, house.pool, Board())) as http:
            lead_id = (await http.post("/v1/leads", json=GOOD_LEAD)).json()["lead_id"]
            await house.task(lead_id, "accept_lead")
            await house.crm(lead_id)
            await house.mail("@fairlead.example", "New lead")
            before = spans.all()
            await http.get(f"/v1/leads/{lead_id}")
            assert (await http.post(f"/v1/leads/{lead_id}/withdraw", json={"why": "too late"})).status_code == 202
            await house.passed(lead_id, "record_withdrawal")
            await house.crm(lead_id)
        await house.stop()

        request = spans.one("POST /v1/leads")
        assert request.parent is None
        assert request.kind.name == "SERVER"
        (message, *_) = spans.named("deliver zeebe.message")
        assert is_below(message, request)
        jobs = [span for span in before if span.name.startswith("job ")]
        assert {"job lead_routing.register_lead", "job lead_routing.assign_owner"} <= {job.name for job in jobs}
        assert all(is_below(job, message) for job in jobs)
        assert traces(before) == traces([request])
        for job_type, channel in (("write_owner", "crm.lead"), ("notify_owner", "mail")):
            (task, *_) = spans.named(f"run lead_routing.{job_type}")
            delivered = [span for span in spans.named(f"deliver {channel}") if is_below(span, task)]
            assert delivered, f"nothing sent by {job_type}"

        withdrawal = spans.one("POST /v1/leads/{lead_id}/withdraw")
        assert traces([withdrawal]) != traces([request])
        undone = [span for span in spans.all() if "undoes" in events(span)]
        assert "run lead_routing.release_owner" in {span.name for span in undone}
        known = {context(span).span_id for span in spans.all() if span.name.startswith("job ")}
        assert all({link.context.span_id for link in span.links} <= known for span in undone)
        assert not [span for span in spans.all() if span.name.startswith("GET")]
        said = "".join(span.to_json() for span in spans.all())
        assert not [text for text in ("Eva", "beispiel", "30 1234567", "Beispiel Werke") if text in said]


async def test_each_lead_of_a_batch_has_its_own_trace(house: House) -> None:
    with recorded() as spans:
        async with client_of(create_app(house.settings, house.pool, Board())) as http:
            batch = [GOOD_LEAD | {"email": f"a{number}@b.example", "external_id": str(number)} for number in range(3)]
            await http.post("/v1/leads", json=batch, headers={"traceparent": f"00-{7:032x}-{8:016x}-01"})
        request, taken = spans.one("POST /v1/leads"), spans.named("take lead")
        assert context(request).trace_id == 7
        assert len(traces([request, *taken])) == 4
        assert all(span.links[0].context.span_id == context(request).span_id for span in taken)
