"""What a sales order is made of: the sales area and the material from a file, sold-to party and amount from the opportunity."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Self

from pydantic import Field, StrictBool, field_validator, model_validator

from workers.connectors import mapping
from workers.connectors.answers import Json
from workers.connectors.opportunities.wins import Won
from workers.connectors.sap.mapping import Name, Unfit

ITEM, PRICING = "to_Item", "to_PricingElement"
SOLD_TO, CURRENCY, MATERIAL = "SoldToParty", "TransactionCurrency", "Material"
CONDITION, RATE, RATE_CURRENCY = "ConditionType", "ConditionRateValue", "ConditionCurrency"
REJECTION = "SalesDocumentRjcnReason"

EUR = "EUR"
"""Of all amounts that Fairlead knows."""

Customer = Annotated[str, Field(pattern=r"^[0-9A-Za-z]{1,10}$")]
Material = Annotated[str, Field(min_length=1, max_length=40)]
Fixed = dict[Name, str | StrictBool]


class Price(mapping.Part):
    """How the amount is entered."""

    condition: str = Field(pattern=r"^[A-Z0-9]{1,4}$")


class Booked(mapping.Part):
    """What of an order counts as sold, and where: for forecasts."""

    segment: list[Name] = Field(min_length=1, max_length=10)
    """The properties that make a segment's path, top-down: one for each level of the organisation."""
    types: list[str] = Field(default_factory=list)
    """Types of orders that count; none: all."""
    currency: str = Field(default=EUR, pattern=r"^[A-Z]{3}$")
    """Of the organisation; orders in others are left out."""
    each: Decimal = Field(default=Decimal(1), gt=0)
    """So much money is one of the organisation's unit."""


class OrderMapping(mapping.Mapped):
    """The whole of it."""

    package = str(__package__)
    file = "orders.yaml"

    external_id: Name
    order: Fixed
    item: Fixed = Field(default_factory=dict)
    materials: dict[str, Material] = Field(default_factory=dict)
    """Product → material."""
    material: Material | None = None
    """Of products that are not among them."""
    price: Price | None = None
    rejection: str = Field(pattern=r"^[A-Z0-9]{1,2}$")
    customers: dict[str, Customer] = Field(default_factory=dict)
    """Account of the CRM → customer."""
    booked: Booked | None = None

    @field_validator("materials", "customers", mode="before")
    @classmethod
    def _or_none(cls, given: object) -> object:
        return {} if given is None else given

    @model_validator(mode="after")
    def _says_it_once(self) -> Self:
        if wrong := self.order.keys() & {self.external_id, SOLD_TO, CURRENCY, ITEM}:
            raise ValueError(f"`order` must not name {min(wrong)}, which comes from the opportunity")
        if wrong := self.item.keys() & {MATERIAL, PRICING, REJECTION}:
            raise ValueError(f"`item` must not name {min(wrong)}, which has a place of its own")
        return self

    def made(self, win: Won, customer: str, own: str) -> Json:
        """A new order with its item, and its price below that.

        Raises:
            Unfit: there is no material for the product, or no amount.
        """
        material = self.materials.get(win.product or "", self.material)
        if material is None:
            raise Unfit(
                "The opportunity's product has no material: name it in `materials` of the order mapping, or `material` for all"
                " others, then send this again."
            )
        item: Json = {**self.item, MATERIAL: material}
        if self.price is not None:
            if not win.amount:
                raise Unfit(f"The opportunity was won without an amount. {by_hand(own)}")
            price = {
                CONDITION: self.price.condition,
                RATE: str(Decimal(str(win.amount)).quantize(Decimal("0.01"))),
                RATE_CURRENCY: EUR,
            }
            item[PRICING] = {"results": [price]}
        return {
            **self.order,
            self.external_id: own,
            SOLD_TO: customer,
            CURRENCY: EUR,
            ITEM: {"results": [item]},
        }


def by_hand(own: str) -> str:
    """What to do about a win that lacks something: it is kept as it was found."""
    return f"Enter the order in SAP by hand with our key, {own}, then send this again: it is found by that."
