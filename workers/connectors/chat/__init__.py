"""Notices in Slack and Teams; see docs/notices.md."""
