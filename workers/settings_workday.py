"""The section of `workers.settings.Settings` that is about Workday."""

from __future__ import annotations

import re
from typing import Self

from pydantic import Field, SecretStr, model_validator

from workers.settings_outside import OutsideSystem

_REPORT = re.compile(r"[^/\s?#]{1,200}/[^/?#]{1,200}")


class Workday(OutsideSystem):
    """A Workday tenant whose custom reports say who is there; see docs/connect-workday.md."""

    base_url: str | None = None
    """Its web services host, ``https://wd5-services1.workday.com``."""
    tenant: str | None = None
    """As in the address of a report, after ``customreport2/``."""
    username: str | None = None
    """An integration system user; with `password`."""
    password: SecretStr | None = None
    client_id: str | None = None
    """Instead: of an API client for integrations, with `client_secret` and `refresh_token`."""
    client_secret: SecretStr | None = None
    refresh_token: SecretStr | None = None
    """Of the API client, made for the integration system user; should not expire."""
    workers_report: str | None = None
    """``owner/report``: who is there. A custom report that is enabled as a web service."""
    absences_report: str | None = None
    """``owner/report``: who is away, from when to when. None: absences are left alone."""
    workers_prompts: dict[str, str] = Field(default_factory=dict)
    """Values for the report's prompts."""
    absences_prompts: dict[str, str] = Field(default_factory=dict)
    """Values for the report's prompts."""
    seconds: float = Field(default=300.0, gt=0)
    """Of a report at most, until its last byte; Workday itself ends one after half an hour."""
    max_bytes: int = Field(default=200_000_000, ge=1)
    """Of a report at most, unpacked."""
    most_changed_percent: float = Field(default=20.0, ge=0, le=100)
    """If more of the people would be taken away or get another manager, nothing is taken over until a person says so."""
    reconcile_at: str | None = Field(default="03:00", pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")
    """When, by UTC (``HH:MM``), the reports are taken over each night; None: never by itself."""

    @property
    def connected(self) -> bool:
        """Whether it is said how to log in."""
        return self.username is not None or self.refresh_token is not None

    @model_validator(mode="after")
    def _can_ask(self) -> Self:
        for report in (self.workers_report, self.absences_report):
            if report is not None and not _REPORT.fullmatch(report):
                raise ValueError("a report is named owner/report, as in its address after the tenant")
        if not self.connected:
            return self
        basic = self.username is not None and self.password is not None
        oauth = self.client_id is not None and self.client_secret is not None and self.refresh_token is not None
        if self.base_url is None or self.tenant is None or self.workers_report is None or basic == oauth:
            raise ValueError(
                "to ask Workday set FAIRLEAD_WORKDAY__BASE_URL, TENANT and WORKERS_REPORT, and either USERNAME and PASSWORD,"
                " or CLIENT_ID, CLIENT_SECRET and REFRESH_TOKEN"
            )
        return self
