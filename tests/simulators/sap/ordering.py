"""The service for sales orders, API_SALES_ORDER_SRV: what of it is used, and the rules that SAP itself has for it.

The description is our own, of the entity types and properties that Fairlead or the simulator needs. Names, types, lengths, keys, ways and
rights are those of the service's real `$metadata`, OData v2, as it stands in public example projects for SAP's Cloud Application Programming
Model (two were read, of S/4HANA 2020 and of a later release; for these properties they say the same). That the order alone has a version
(ConcurrencyMode) and that prices are made only below an item (sap:creatable) is as there. The rules in `ruled` are after SAP's documentation,
with codes of our own.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from tests.simulators.sap.problems import Problem

if TYPE_CHECKING:
    from tests.simulators.sap.schema import Json
    from tests.simulators.sap.system import System

SPACE = "API_SALES_ORDER_SRV"
ORDERS, ITEMS, PRICES = "A_SalesOrder", "A_SalesOrderItem", "A_SalesOrderItemPrElement"

# Name, type, length or precision and scale; `key`; `told`: SAP fills it itself (not creatable, not updatable); `version`;
# `Upper`: shown in upper case.
_PROPERTIES = {
    ORDERS: """
        SalesOrder String 10 key Upper
        SalesOrderType String 4 Upper
        SalesOrganization String 4 Upper
        DistributionChannel String 2 Upper
        OrganizationDivision String 2 Upper
        SoldToParty String 10 Upper
        CreationDate DateTime 0 told
        CreatedByUser String 12 told Upper
        LastChangeDateTime DateTimeOffset 7 told version
        ExternalDocumentID String 40 told Upper
        PurchaseOrderByCustomer String 35
        PurchaseOrderByShipToParty String 35
        SalesOrderDate DateTime 0
        TotalNetAmount Decimal 16,3 told
        TransactionCurrency String 5
        OverallSDProcessStatus String 1 told Upper
        OverallSDDocumentRejectionSts String 1 told Upper
    """,
    ITEMS: """
        SalesOrder String 10 key told Upper
        SalesOrderItem String 6 key
        SalesOrderItemText String 40
        Material String 40 Upper
        RequestedQuantity Decimal 15,3
        RequestedQuantityUnit String 3
        TransactionCurrency String 5 told
        NetAmount Decimal 16,3 told
        SalesDocumentRjcnReason String 2 Upper
        DeliveryStatus String 1 told Upper
        OrderRelatedBillingStatus String 1 told Upper
    """,
    PRICES: """
        SalesOrder String 10 key told Upper
        SalesOrderItem String 6 key told
        PricingProcedureStep String 3 key
        PricingProcedureCounter String 3 key
        ConditionType String 4 Upper
        ConditionRateValue Decimal 24,9
        ConditionCurrency String 5
    """,
}
_RIGHTS = {PRICES: {"creatable": "false"}}
_WAYS = ((ORDERS, "to_Item", ITEMS), (ITEMS, "to_PricingElement", PRICES))

_EDM = "http://schemas.microsoft.com/ado/2008/09/edm"
_EDMX = "http://schemas.microsoft.com/ado/2007/06/edmx"
_METADATA = "http://schemas.microsoft.com/ado/2007/08/dataservices/metadata"
_SAP = "http://www.sap.com/Protocols/SAPData"

TYPES, MATERIALS, CONDITIONS, REASONS = {"OR", "TA"}, {"TG11", "TG12"}, {"PPR0"}, {"50", "61"}
AREA = ("1710", "10", "00")


def described() -> bytes:
    """The service's `$metadata`."""
    for prefix, space in (("edmx", _EDMX), ("m", _METADATA), ("sap", _SAP)):
        ElementTree.register_namespace(prefix, space)
    root = ElementTree.Element(f"{{{_EDMX}}}Edmx", Version="1.0")
    services = ElementTree.SubElement(root, f"{{{_EDMX}}}DataServices", {f"{{{_METADATA}}}DataServiceVersion": "2.0"})
    schema = ElementTree.SubElement(services, f"{{{_EDM}}}Schema", Namespace=SPACE)

    def below(parent: ElementTree.Element, tag: str, **given: str) -> ElementTree.Element:
        return ElementTree.SubElement(parent, f"{{{_EDM}}}{tag}", given)

    for name, lines in _PROPERTIES.items():
        kind = below(schema, "EntityType", Name=f"{name}Type")
        rows = [line.split() for line in lines.strip().splitlines()]
        key = below(kind, "Key")
        for row in rows:
            if "key" in row:
                below(key, "PropertyRef", Name=row[0])
        for row in rows:
            below(kind, "Property", **_property(*row))
        for start, way, end in _WAYS:
            if start == name:
                ends = {"FromRole": f"From_{way}", "ToRole": f"To_{way}"}
                below(kind, "NavigationProperty", Name=way, Relationship=f"{SPACE}.{start}_{end}", **ends)
    for start, way, end in _WAYS:
        association = below(schema, "Association", Name=f"{start}_{end}")
        below(association, "End", Type=f"{SPACE}.{start}Type", Multiplicity="1", Role=f"From_{way}")
        below(association, "End", Type=f"{SPACE}.{end}Type", Multiplicity="*", Role=f"To_{way}")
    container = below(schema, "EntityContainer", Name=f"{SPACE}_Entities")
    container.set(f"{{{_METADATA}}}IsDefaultEntityContainer", "true")
    for name in _PROPERTIES:
        rights = {f"{{{_SAP}}}{right}": word for right, word in _RIGHTS.get(name, {}).items()}
        below(container, "EntitySet", Name=name, EntityType=f"{SPACE}.{name}Type", **rights)
    for start, way, end in _WAYS:
        pair = below(container, "AssociationSet", Name=f"{start}_{end}", Association=f"{SPACE}.{start}_{end}")
        below(pair, "End", EntitySet=start, Role=f"From_{way}")
        below(pair, "End", EntitySet=end, Role=f"To_{way}")
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)


def _property(name: str, type_: str, size: str, *words: str) -> dict[str, str]:
    found = {"Name": name, "Type": f"Edm.{type_}"}
    if "key" in words:
        found["Nullable"] = "false"
    if type_ == "String":
        found["MaxLength"] = size
    else:
        precision, _, scale = size.partition(",")
        found |= {"Precision": precision} | ({"Scale": scale} if scale else {})
    if "version" in words:
        found["ConcurrencyMode"] = "Fixed"
    if "told" in words:
        found |= {f"{{{_SAP}}}creatable": "false", f"{{{_SAP}}}updatable": "false"}
    if "Upper" in words:
        found[f"{{{_SAP}}}display-format"] = "UpperCase"
    return found


def assigned(system: System, name: str, values: Json) -> Json:
    """What SAP itself gives something new."""
    if name == ORDERS:
        today = f"/Date({int(system.clock()) // 86400 * 86_400_000})/"
        return {
            "SalesOrder": values["SalesOrder"] or str(len(system.records[ORDERS]) + 1),
            "CreatedByUser": "CC0000000001",
            "CreationDate": today,
            "SalesOrderDate": values["SalesOrderDate"] or today,
            "LastChangeDateTime": _now(system),
            "TotalNetAmount": "0.000",
            "OverallSDProcessStatus": "A",
            "OverallSDDocumentRejectionSts": "A",
        }
    same = [one for one in system.records[name].values() if one["SalesOrder"] == values["SalesOrder"]]
    if name == ITEMS:
        order = system.records[ORDERS][values["SalesOrder"],]
        given = {"SalesOrderItem": values["SalesOrderItem"] or str(10 * (len(same) + 1)), "DeliveryStatus": "A"}
        return given | {"OrderRelatedBillingStatus": "A", "NetAmount": "0.000",
                        "TransactionCurrency": order["TransactionCurrency"]}  # fmt: skip
    return {"PricingProcedureStep": "20", "PricingProcedureCounter": str(len(same) + 1)}


def ruled(system: System, name: str, values: Json) -> None:
    """What SAP itself wants, though its $metadata does not say so."""
    if name == ORDERS:
        _known("SalesOrderType", values, TYPES)
        for field, known in zip(
            ("SalesOrganization", "DistributionChannel", "OrganizationDivision"), AREA, strict=True
        ):
            _known(field, values, {known})
        _known("SoldToParty", values, system.customers)
    elif name == ITEMS:
        _known("Material", values, MATERIALS)
        _known("SalesDocumentRjcnReason", values, REASONS | {""})
    else:
        _known("ConditionType", values, CONDITIONS)


def settle(system: System, name: str, values: Json) -> None:
    """What follows of a change: amounts, the status of rejection, when the order was last changed."""
    order = system.records[ORDERS][values["SalesOrder"],]
    items = system.children(ORDERS, order, "to_Item")
    for item in items:
        prices = system.children(ITEMS, item, "to_PricingElement")
        total = sum((Decimal(one["ConditionRateValue"] or 0) for one in prices), Decimal(0))
        item["NetAmount"] = f"{total * Decimal(item['RequestedQuantity'] or 0):.3f}"
    left = [one for one in items if not one["SalesDocumentRjcnReason"]]
    order["TotalNetAmount"] = f"{sum((Decimal(one['NetAmount']) for one in left), Decimal(0)):.3f}"
    order["OverallSDDocumentRejectionSts"] = "A" if len(left) == len(items) else "B" if left else "C"
    order["LastChangeDateTime"] = _now(system)
    if name != ORDERS:
        system.renew(order)


def _known(field: str, values: Json, known: set[Any]) -> None:
    if values[field] not in known:
        raise Problem(400, "/IWBEP/CX_MGW_BUSI_EXCEPTION", f"{field} {values[field]} is not defined", field)


def _now(system: System) -> str:
    return f"/Date({int(system.clock() * 1_000)}+0000)/"
