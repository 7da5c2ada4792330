"""HubSpot: its contacts, companies, deals and owners (CRM API, version 3) and its webhooks."""
