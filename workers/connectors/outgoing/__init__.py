"""Webhooks that we send, by Standard Webhooks; see docs/webhooks.md."""
