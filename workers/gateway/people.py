"""People as the OpenID provider names them: what their groups let them do here, and which teams are theirs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import structlog
from pydantic import TypeAdapter

from workers.gateway.access import Access, Client
from workers.gateway.openid import Claims, NotSignedIn, Provider, ProviderAway, Tokens
from workers.gateway.problems import Refusal, busy
from workers.office import teams
from workers.runtime.database import Pool
from workers.settings import Settings
from workers.settings_access import Role

log = structlog.get_logger()

CALLBACK = "/control/sign-in/callback"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody whom the provider vouches for."""

    id: str
    """Start of the SHA-256 of issuer and subject."""
    name: str
    roles: frozenset[Role]
    teams: tuple[str, ...]

    @property
    def client(self) -> Client:
        """As who sends requests."""
        return Client(self.id, name=self.name, person=True, access=Access(self.roles, self.teams))


PERSON = TypeAdapter(Person)
"""To and from JSON."""


class People:
    """One for each process, where a provider is set."""

    def __init__(self, settings: Settings, pool: Pool) -> None:
        self._settings = settings.openid
        self._pool = pool
        self.provider = Provider(settings.openid, f"{settings.gateway_url}{CALLBACK}")

    async def of(self, claims: Claims) -> Person:
        """Who it is that these claims are about; without roles, if they have none here."""
        given = self._settings
        roles = frozenset(
            role for one in _values(claims, given.roles_claim) if one in given.roles for role in given.roles[one]
        )
        found = {team for one in _values(claims, given.teams_claim) for team in given.teams.get(one, ())}
        email = claims.get("email")
        # An address that nobody checked could be anybody's.
        if Role.MANAGER in roles and isinstance(email, str) and claims.get("email_verified") is True:
            async with self._pool.connection() as connection:
                found |= await teams.led_by(connection, email)
        return Person(_id_of(claims), _name_of(claims, given.name_claim), roles, tuple(sorted(found)))

    async def again(self, person: Person, refresh_token: str) -> tuple[Person, Tokens]:
        """The person as the provider says now, and the tokens to ask by the next time.

        Raises:
            NotSignedIn: their session there is over, or they have no role here any more.
            ProviderAway
        """
        tokens = await self.provider.refresh(refresh_token)
        now = await self.of(tokens.claims)
        if now.id != person.id or not now.roles:
            raise NotSignedIn("no role is left, or it is somebody else")
        return now, tokens

    async def of_access_token(self, given: str) -> Client | None:
        """Whose access token it is; None: it is none that we take.

        Raises:
            Refusal: 503, the provider can't be asked for its keys.
        """
        if self._settings.audience is None or given.count(".") != 2:
            return None
        try:
            person = await self.of(await self.provider.access_token(given.strip(), self._settings.audience))
        except NotSignedIn as error:
            log.info("access token refused", action="access_token_refused", reason=str(error))
            return None
        except ProviderAway:
            raise provider_away() from None
        return person.client


def provider_away() -> Refusal:
    """503."""
    detail = "The provider that people sign in at gives no usable answer. API tokens still work."
    return busy("provider-away", detail, status=503, retry_after=10)


def _values(claims: Claims, path: str) -> Iterable[str]:
    # A claim's own name may hold dots: https://example.com/groups
    found: object = claims.get(path)
    if found is None:
        found = claims
        for part in path.split("."):
            found = found.get(part) if isinstance(found, dict) else None
    if isinstance(found, str):
        return [found]
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []


def _id_of(claims: Claims) -> str:
    return hashlib.sha256(f"{claims['iss']}\n{claims['sub']}".encode()).hexdigest()[:16]


def _name_of(claims: Claims, claim: str) -> str:
    """What the audit trail calls them; never something that looks like one of our own actors (``policy:…``)."""
    given = next((one for one in (claims.get(claim), claims.get("email")) if isinstance(one, str) and one), "")
    plain = "".join(one for one in given if one.isprintable() and one not in ":,()")[:100].strip()
    return plain or f"person {_id_of(claims)[:8]}"
