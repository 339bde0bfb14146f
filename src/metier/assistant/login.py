"""Which customer a request comes from, by a token that the company's own backend has signed.

A JSON Web Token (RFC 7519), HS256: `sub` is the customer, `exp` must be there, `aud` is "metier-assistant".
Nothing that a browser says of itself is taken.
"""

from __future__ import annotations

import jwt

from metier.errors import BadOption

AUDIENCE, LEAST_BYTES = "metier-assistant", 32


class NotLoggedIn(Exception):
    """A token that says nothing: it has run out, or was signed by somebody else."""


class Login:
    """Reads tokens; `Login(secret).customer(token)`."""

    def __init__(self, secret: str) -> None:
        if len(secret.encode()) < LEAST_BYTES:
            raise BadOption(
                f"The secret that signs logins has {len(secret.encode())} bytes. Expected {LEAST_BYTES} or more "
                "(RFC 7518, section 3.2): openssl rand -hex 32 makes one."
            )
        self._secret = secret

    def customer(self, token: str) -> str:
        """Who is logged in.

        Raises: NotLoggedIn, saying what is wrong with the token.
        """
        try:
            said = jwt.decode(
                token, self._secret, algorithms=["HS256"], audience=AUDIENCE, options={"require": ["exp", "sub", "aud"]}
            )
        except jwt.PyJWTError as problem:
            raise NotLoggedIn(f"The login is not valid ({problem}). Ask for a new one.") from None
        return str(said["sub"])
