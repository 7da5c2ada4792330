"""What somebody may do, and how a route says whom it is for."""

from __future__ import annotations

from dataclasses import dataclass, field

from workers.gateway.problems import Refusal
from workers.settings_access import ALL_TEAMS, BY_TEAM, Role


@dataclass(frozen=True, slots=True)
class Access:
    """Roles, and the teams that a viewer or manager sees."""

    roles: frozenset[Role]
    teams: tuple[str, ...] = ()

    @property
    def own(self) -> tuple[str, ...] | None:
        """The teams, sorted; None: all."""
        return None if ALL_TEAMS in self.teams else tuple(sorted(set(self.teams)))


EVERYTHING = Access(frozenset(Role), (ALL_TEAMS,))
"""Where neither tokens nor a provider are set, on this machine alone; and a token that is a mere text."""


@dataclass(frozen=True, slots=True)
class Client:
    """Who sent a request. `workers.gateway.admission` has narrowed `access` to what the route lets them do."""

    id: str
    """Start of the token's or person's SHA-256, or the address where no tokens are in use; rate and keys are counted by it."""
    token: bool = False
    """An API token."""
    name: str = ""
    """Of the person or of a named token."""
    person: bool = False
    """Somebody whom the provider named."""
    access: Access = EVERYTHING
    session: str = field(default="", repr=False)
    """Digest of the browser's session, if it came by one."""

    @property
    def actor(self) -> str:
        """How timelines and the audit trail name them: with the roles by which they did it."""
        if self.name:
            return ", ".join([self.name, *sorted(self.access.roles)])
        return f"api token {self.id[:8]}" if self.token else "api"

    @property
    def teams(self) -> tuple[str, ...] | None:
        """Names of the teams whose cases alone the request may see and change; None: all. See `workers.office.teams`."""
        return None if self.access.roles - BY_TEAM else self.access.own


@dataclass(frozen=True, slots=True)
class Rule:
    """Whom a route is for."""

    roles: frozenset[Role] = frozenset()
    """One of them is needed; none: it is open to all, and `why` says what guards it instead."""
    by_team: bool = False
    """The route itself leaves out what is not of `Client.teams`. One that does not is closed to who sees some teams only."""
    link: bool = False
    """A signed link opens it too."""
    why: str = ""

    def narrowed(self, access: Access) -> Access:
        """What of somebody's access the route lets them use.

        Raises:
            Refusal: 403, none of it.
        """
        roles = access.roles & self.roles
        if not roles:
            needed = " or ".join(role for role in Role if role in self.roles)
            raise Refusal(403, "not-your-role", f"This needs the role {needed}.")
        if not self.by_team and roles <= BY_TEAM and access.own is not None:
            raise Refusal(403, "all-teams", "This shows all teams, and your role is for some of them.")
        return Access(roles, access.teams)
