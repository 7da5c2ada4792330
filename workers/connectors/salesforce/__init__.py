"""Salesforce: its leads, accounts, opportunities and users (REST API)."""
