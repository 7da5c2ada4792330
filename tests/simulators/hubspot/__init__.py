"""HubSpot's CRM API as published, as far as Fairlead uses it; `python -m tests.simulators.hubspot` serves it.

After the reference at https://developers.hubspot.com/docs/api-reference and the models of the official client
`hubspot-api-client`, which runs against it in tests/unit/connectors/test_hubspot_official.py.
"""
