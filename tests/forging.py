"""Access tokens as somebody makes them who has seen a good one, and the keys that all may see."""

from __future__ import annotations

import base64
import hmac
import json
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def forged(good: str, keys: dict[str, Any]) -> dict[str, str]:
    """By what is wrong with them; `keys` is the provider's JWK Set."""
    claims, head = jwt.decode(good, options={"verify_signature": False}), jwt.get_unverified_header(good)
    (public,) = [one for one in jwt.PyJWKSet.from_dict(keys).keys if one.key_id == head["kid"]]
    pem = public.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    ours = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    own = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(ours.public_key()))
    first, _, signature = good.split(".")
    return {
        "another key of the same name": jwt.encode(claims, ours, "RS256", headers={"kid": head["kid"]}),
        "a key of no known name": jwt.encode(claims, ours, "RS256", headers={"kid": "mine"}),
        "a key that it brings itself": jwt.encode(claims, ours, "RS256", headers={"jwk": own}),
        "no signature": f"{_part(head | {'alg': 'none'})}.{_part(claims)}.",
        "the public key as a shared secret": _hs256(head, claims, pem),
        "other claims": f"{first}.{_part(claims | {'groups': ['operators']})}.{signature}",
        "cut off": good[:-4],
    }


def _part(given: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(given).encode()).rstrip(b"=").decode()


def _hs256(head: dict[str, Any], claims: dict[str, Any], secret: bytes) -> str:
    signed = f"{_part(head | {'alg': 'HS256'})}.{_part(claims)}".encode()  # PyJWT itself refuses to make it
    mac = base64.urlsafe_b64encode(hmac.digest(secret, signed, "sha256")).rstrip(b"=")
    return (signed + b"." + mac).decode()
