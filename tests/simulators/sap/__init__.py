"""SAP S/4HANA's business partner service, OData v2; `python -m tests.simulators.sap` serves it.

What there is, with its types, lengths and rights, is read from the real `$metadata` in ../shared/contracts. How it behaves is after
the OData v2 specification and SAP Gateway's documentation. The community's own client `pyodata` runs against it in
tests/unit/connectors/sap/test_community.py.
"""
