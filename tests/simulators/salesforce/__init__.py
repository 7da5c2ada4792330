"""Salesforce's REST API as published, as far as Fairlead uses it; `python -m tests.simulators.salesforce` serves it.

After the REST API, SOQL and Tooling API guides at https://developer.salesforce.com/docs. The community's own client
`simple-salesforce` runs against it in tests/unit/connectors/test_salesforce_community.py.
"""
