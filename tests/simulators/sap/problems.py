"""An error as SAP Gateway answers it."""

from __future__ import annotations

from typing import Any


class Problem(Exception):
    def __init__(self, status: int, code: str, message: str, *fields: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.fields = fields

    @property
    def body(self) -> dict[str, Any]:
        """As the answer to a request."""
        details = [
            {"code": self.code, "message": str(self), "propertyref": field, "severity": "error", "target": ""}
            for field in self.fields or ("",)
        ]
        return {
            "error": {
                "code": self.code,
                "message": {"lang": "en", "value": str(self)},
                "innererror": {"transactionid": "5BF6D1A2", "timestamp": "", "errordetails": details},
            }
        }
