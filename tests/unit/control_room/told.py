"""Receivers of webhooks as an operator may find them: one that is well, one that fails, one that is off, a new one."""

from __future__ import annotations

from workers.runtime.database import Pool

_SUBSCRIPTIONS = """
    INSERT INTO webhooks.subscriptions (name, url, types, enabled, why) VALUES
    ('data-warehouse', 'https://hooks.warehouse.example/fairlead/events', NULL, true, ''),
    ('erp', 'https://erp.example.com/api/inbound/sales/fairlead/webhooks?key=s3cret',
     '{fairlead.assigned,fairlead.accepted,fairlead.outcome_recorded}', true, ''),
    ('partner_portal', 'https://partners.example.org/in', '{fairlead.accepted}', false, 'it answered 410 Gone'),
    ('survey', 'https://survey.example.net/hook', '{fairlead.outcome_recorded}', true, '')
"""
_ATTEMPTS = """
    INSERT INTO webhooks.attempts
        (subscription, event_id, type, business_id, try, at, milliseconds, status, outcome, said)
    SELECT name, 'timeline:' || (4000 + n), 'fairlead.accepted', 'lead-' || n, t, now() - n * interval '7 minutes',
        120 + 13 * n, status, outcome, said
    FROM generate_series(40, 1, -1) AS n CROSS JOIN (VALUES
        ('data-warehouse', 1, 204, 'delivered', 'HTTP 204'),
        ('erp', 3, 503, 'again', 'HTTP 503; again in 1240 s')) AS one (name, t, status, outcome, said)
"""
_WAITING = """
    INSERT INTO runtime.outbox (channel, business_id, external_id, payload, created_at, not_before, tries)
    SELECT 'webhook:erp', 'lead-' || n, 'timeline:' || (4000 + n), '{}', now() - n * interval '7 minutes',
        now() + interval '20 minutes', 3
    FROM generate_series(1, 40) AS n
"""
_DEAD = """
    INSERT INTO runtime.dead_letters (id, channel, business_id, external_id, payload, created_at, tries, reason)
    SELECT nextval(pg_get_serial_sequence('runtime.outbox', 'id')), 'webhook:erp', 'lead-' || n, 'timeline:' || (3000 + n),
        '{"action": "accepted", "at": "2026-03-01T00:00:00Z", "actor": "system", "why": "", "facts": {}}',
        now() - interval '1 day', 16, 'erp did not take it in 16 tries; the last time: HTTP 503.'
    FROM generate_series(1, 3) AS n
"""


async def fill(pool: Pool) -> None:
    async with pool.connection() as connection:
        for statement in (_SUBSCRIPTIONS, _ATTEMPTS, _WAITING, _DEAD):
            await connection.execute(statement.encode())
