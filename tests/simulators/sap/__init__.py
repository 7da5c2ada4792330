"""SAP S/4HANA's services for business partners and sales orders, OData v2; `python -m tests.simulators.sap` serves it.

What there is of business partners, with its types, lengths and rights, is read from the real `$metadata` in ../shared/contracts; of sales
orders it is described in `ordering`, which says after what. How it behaves is after
the OData v2 specification and SAP Gateway's documentation. The community's own client `pyodata` runs against it in
tests/unit/connectors/sap/test_community.py.
"""
