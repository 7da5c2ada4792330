"""An error as Salesforce answers it."""

from __future__ import annotations

from tests.simulators.salesforce.schema import Json


class Problem(Exception):
    def __init__(self, status: int, code: str, message: str, fields: list[str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.fields = fields

    @property
    def body(self) -> list[Json]:
        """As the answer to a request."""
        told: Json = {"message": self.message, "errorCode": self.code}
        return [told if self.fields is None else {**told, "fields": self.fields}]

    @property
    def error(self) -> Json:
        """As a part of the result of one record."""
        return {"statusCode": self.code, "message": self.message, "fields": self.fields or []}
