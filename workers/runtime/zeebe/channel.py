"""The channel to the gateway: plain; TLS with the system's or an own authority; OAuth 2 client credentials on top."""

from __future__ import annotations

from functools import partial

import grpc
from oauthlib.oauth2 import BackendApplicationClient
from pyzeebe.credentials.oauth import OAuth2MetadataPlugin
from requests_oauthlib import OAuth2Session

from workers.settings import Settings, Zeebe

OPTIONS = (
    ("grpc.keepalive_time_ms", 45_000),  # Camunda's own clients ping every 45 s; the gateway allows one each 30 s
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.max_receive_message_length", 16 * 1024 * 1024),
    # What the engine may push ahead of us is bounded by gRPC's window: keep it small, and don't let it grow.
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", 16 * 1024),
)

TOKEN_SPARE_SECONDS = 30
"""A token is renewed so long before it expires."""

TOKEN_TIMEOUT_SECONDS = 10.0
"""How long the authorization server may take; the command waits for it, and fails as if the engine were away."""


def channel(settings: Settings) -> grpc.aio.Channel:
    """A channel to `Settings.zeebe_address`; it connects when it is first used.

    Raises:
        OSError: `Zeebe.ca_file` can't be read.
    """
    zeebe = settings.zeebe
    if not zeebe.tls and zeebe.oauth_client_id is None:
        return grpc.aio.insecure_channel(settings.zeebe_address, options=OPTIONS)
    credentials = grpc.ssl_channel_credentials(zeebe.ca_file.read_bytes() if zeebe.ca_file else None)
    if zeebe.oauth_client_id is not None:
        tokens = grpc.metadata_call_credentials(_tokens(zeebe, zeebe.oauth_client_id))
        credentials = grpc.composite_channel_credentials(credentials, tokens)
    return grpc.aio.secure_channel(settings.zeebe_address, credentials, options=OPTIONS)


def _tokens(zeebe: Zeebe, client_id: str) -> grpc.AuthMetadataPlugin:
    """Fetches and renews tokens (RFC 6749, section 4.4). Id and secret are in the body, as Camunda's own clients send
    them: its SaaS takes them nowhere else. gRPC asks for a token on a thread of its own.
    """
    session = OAuth2Session(client=BackendApplicationClient(client_id, scope=zeebe.oauth_scope))
    fetch = partial(
        session.fetch_token,
        token_url=zeebe.oauth_url,
        client_secret=zeebe.oauth_client_secret.get_secret_value() if zeebe.oauth_client_secret else "",
        audience=zeebe.oauth_audience,
        include_client_id=True,
        timeout=TOKEN_TIMEOUT_SECONDS,
        verify=str(zeebe.ca_file) if zeebe.ca_file else True,
    )
    return OAuth2MetadataPlugin(session, fetch, leeway=TOKEN_SPARE_SECONDS)
