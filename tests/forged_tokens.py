"""JSON Web Tokens as forgers write them, from a good one: none of these was signed by the pool whose token it says to be."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa


def text_of(raw: bytes) -> str:
    """Base64 as tokens have it."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def segment(value: object) -> str:
    """One segment of a token."""
    return text_of(json.dumps(value, separators=(",", ":")).encode())


def read(token: str) -> tuple[dict[str, Any], dict[str, Any], str]:
    """Header, claims and signature of a token."""
    parts = token.split(".")
    header, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in parts[:2])
    return header, claims, parts[2]


def genuinely_signed(key: rsa.RSAPrivateKey, claims: Mapping[str, Any], header: Mapping[str, Any]) -> str:
    """A token over whatever claims and header, by the very key that the pool signs with."""
    start = f"{segment(header)}.{segment(claims)}"
    return f"{start}.{text_of(key.sign(start.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def signed_by(key: Any, claims: Mapping[str, Any], header: Mapping[str, Any], algorithm: str = "RS256") -> str:
    """A token that a key signed."""
    return jwt.encode(dict(claims), key, algorithm=algorithm, headers=dict(header))


@dataclass(frozen=True)
class Forger:
    """Somebody with a good token and keys of the own.

    Args:
        good: An administrator's ID token.
        public_key: The pool's, in PEM; anybody can fetch it.
        other_pool: A good token of another pool.
    """

    good: str
    public_key: bytes
    other_pool: str

    def tokens(self) -> dict[str, str]:
        """What is sent as the Authorization header, by name."""
        return self.unsigned() | self.with_own_keys() | self.tampered() | self.of_headers() | self.malformed()

    def unsigned(self) -> dict[str, str]:
        """Tokens that say they need no signature."""
        header, claims, signature = read(self.good)
        body = segment(claims)
        spellings = ("none", "None", "NONE", "nOnE", "none ", " none", "non\u0435", "", None, 0, False, [], ["none"], "RS0", "RS256,none")
        forms = {f"alg {spelling!r}": f"{segment(header | {'alg': spelling})}.{body}." for spelling in spellings}
        forms["alg none with the signature"] = f"{segment(header | {'alg': 'none'})}.{body}.{signature}"
        forms["no alg"] = f"{segment({'kid': header['kid']})}.{body}.{signature}"
        twice = '{"alg":"RS256","alg":"none","kid":' + json.dumps(header["kid"]) + "}"
        forms["alg twice"] = f"{text_of(twice.encode())}.{body}."
        return forms

    def with_own_keys(self) -> dict[str, str]:
        """Tokens that another key signed, or the public key misused as a secret."""
        header, claims, _ = read(self.good)
        own, kid = rsa.generate_private_key(public_exponent=65537, key_size=2048), {"kid": header["kid"]}
        curve = ec.generate_private_key(ec.SECP256R1())
        now = int(time.time())

        def confused(secret: bytes, algorithm: str, digest: Any) -> str:
            start = f"{segment({'alg': algorithm, **kid})}.{segment(claims)}"
            return f"{start}.{text_of(hmac.new(secret, start.encode(), digest).digest())}"

        loaded = serialization.load_pem_public_key(self.public_key)
        der = loaded.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        changes: dict[str, Mapping[str, Any]] = {
            "": {}, "expired": {"exp": now - 3600}, "never expires": {"exp": 2**53}, "not yet": {"nbf": now + 3600},
            "another issuer": {"iss": "https://evil.example/pool"}, "another client": {"aud": "someone-else"},
            "access token": {"token_use": "access"}, "another tenant": {"custom:tenant": "harbor"},
            "two groups": {"cognito:groups": ["a", "b"]},
        }  # fmt: skip
        forms = {f"own key, {name or 'right kid'}": signed_by(own, claims | change, kid) for name, change in changes.items()}
        forms |= {
            "own key, unknown kid": signed_by(own, claims, {"kid": "mine"}),
            "own key, no kid": signed_by(own, claims, {}),
            "own key, kid of a file": signed_by(own, claims, {"kid": "../../dev/null"}),
            "own key, kid that injects": signed_by(own, claims, {"kid": "x' UNION SELECT 'secret"}),
            "own key, RS512": signed_by(own, claims, kid, "RS512"),
            "own key, PS256": signed_by(own, claims, kid, "PS256"),
            "own key, ES256": signed_by(curve, claims, kid, "ES256"),
            "symmetric, a guess": confused(b"secret", "HS256", hashlib.sha256),
            "symmetric, nothing": confused(b"", "HS256", hashlib.sha256),
            "symmetric, the public key": confused(self.public_key, "HS256", hashlib.sha256),
            "symmetric, the public key without its end": confused(self.public_key.strip(), "HS256", hashlib.sha256),
            "symmetric, the public key in DER": confused(der, "HS256", hashlib.sha256),
            "symmetric, the public key, HS512": confused(self.public_key, "HS512", hashlib.sha512),
            "another pool": self.other_pool,
        }
        return forms

    def of_headers(self) -> dict[str, str]:
        """Tokens whose header names or brings the key they were signed with."""
        header, claims, _ = read(self.good)
        own = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        numbers = own.public_key().public_numbers()
        modulus = text_of(numbers.n.to_bytes(256, "big"))
        jwk = {"kty": "RSA", "n": modulus, "e": "AQAB", "kid": header["kid"], "alg": "RS256", "use": "sig"}
        brought: dict[str, Mapping[str, Any]] = {
            "jwk": {"jwk": jwk}, "jwk under its own kid": {"jwk": jwk | {"kid": "mine"}, "kid": "mine"},
            "jku": {"jku": "http://127.0.0.1:1/keys"}, "jku like the pool's": {"jku": f"{claims['iss']}@127.0.0.1:1/keys"},
            "jku of a file": {"jku": "file:///etc/hostname"}, "x5u": {"x5u": "http://127.0.0.1:1/cert"}, "x5c": {"x5c": [modulus]},
            "x5t": {"x5t": "AAAA"}, "crit": {"crit": ["exp"]}, "crit of nobody": {"crit": ["b64"], "b64": False}, "zip": {"zip": "DEF"},
            "cty": {"cty": "JWT"},
        }  # fmt: skip
        return {f"header {name}": signed_by(own, claims, {"kid": header["kid"], **more}) for name, more in brought.items()}

    def tampered(self) -> dict[str, str]:
        """The good signature under other claims, and other signatures under the good ones."""
        header, claims, signature = read(self.good)
        first, second, _ = self.good.split(".")
        changes: dict[str, Mapping[str, Any]] = {
            "tenant": {"custom:tenant": "harbor"}, "tenant looks alike": {"custom:tenant": "n\u03bfrthstar"},
            "role": {"cognito:groups": ["risk"]},
            "two groups": {"cognito:groups": ["administrator", "risk"]}, "no group": {"cognito:groups": []},
            "user": {"cognito:username": "mallory"},
            "later": {"exp": claims["exp"] + 1}, "plain tenant": {"tenant": "harbor"}, "issued tomorrow": {"iat": claims["iat"] + 86_400},
            "client": {"aud": "someone-else"}, "a claim more": {"admin": True},
        }  # fmt: skip
        forms = {f"tampered {name}": f"{first}.{segment(claims | change)}.{signature}" for name, change in changes.items()}
        doubled = json.dumps(claims, separators=(",", ":"))[:-1] + ',"custom:tenant":"harbor"}'
        raw = base64.urlsafe_b64decode(signature + "==")
        flipped = bytes([raw[0] ^ 1]) + raw[1:]
        forms |= {
            "a claim twice": f"{first}.{text_of(doubled.encode())}.{signature}",
            "header and claims swapped": f"{second}.{first}.{signature}",
            "another kid": f"{segment(header | {'kid': 'mine'})}.{second}.{signature}",
            "stripped signature": f"{first}.{second}.",
            "two segments": f"{first}.{second}",
            "half the signature": f"{first}.{second}.{signature[: len(signature) // 2]}",
            "one bit of the signature": f"{first}.{second}.{text_of(flipped)}",
            "signature backwards": f"{first}.{second}.{text_of(raw[::-1])}",
            "signature in hexadecimal": f"{first}.{second}.{raw.hex()}",
            "signature of zeros": f"{first}.{second}.{text_of(bytes(256))}",
            "signature of a one": f"{first}.{second}.{text_of(bytes(255) + bytes([1]))}",
            "signature twice": f"{first}.{second}.{text_of(raw + raw)}",
            "truncated": self.good[:-20],
        }
        return forms

    def malformed(self) -> dict[str, str]:
        """What is no token at all, or a good one where none belongs."""
        first, second, signature = self.good.split(".")
        return {
            "empty": "", "junk": "junk", "dots": "..", "many dots": "." * 50, "four segments": f"{self.good}.{signature}",
            "five segments": f"{first}.{second}.{signature}.{second}.{signature}", "doubled": self.good + self.good, "two with a comma":
            f"{self.good},{self.good}", "bad base64": f"{first}.@@@@.{signature}",
            "claims are a list": f"{first}.{segment([1])}.{signature}",
            "claims are null": f"{first}.{segment(None)}.{signature}", "header is a list": f"{segment([])}.{second}.{signature}",
            "no JSON": f"{first}.{text_of(b'{')}.{signature}", "deep": f"{first}.{text_of(b'[' * 3000)}.{signature}",
            "not UTF-8": f"{first}.{text_of(bytes([255, 254, 0]))}.{signature}", "huge": f"{first}.{'A' * 6000}.{signature}",
            "bearer of nothing": "Bearer", "basic": "Basic " + base64.b64encode(b"amy:password").decode(),
            "another scheme": f"Token {self.good}",
            "in quotes": f'"{self.good}"', "a word before": f"x {self.good}", "in two pieces": f"{self.good[:40]} {self.good[40:]}",
            "in capitals": self.good.upper(), "by its digest": hashlib.sha256(self.good.encode()).hexdigest(),
        }  # fmt: skip
