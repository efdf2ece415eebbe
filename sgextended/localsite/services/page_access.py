"""
Access to the pages: the token of a site for one person, the cookie that a browser gets for it, and logins by password.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
import time
import urllib.parse
from typing import TYPE_CHECKING, Optional

from starlette.responses import RedirectResponse, Response

from sgextended.localsite.errors import Fault

if TYPE_CHECKING:
    from starlette.requests import Request

    from sgextended.localsite.services.authentication import Authenticator
    from sgextended.localsite.storage.transaction import Transaction

#: The parameter of an address that carries the token.
TOKEN = "token"  # noqa: S105 - a name, not a secret
_UNCHANGING = frozenset({"GET", "HEAD"})


class PageAccess:
    """
    Decides who may see the pages of a site.

    Args:
        authenticator: Checks logins.

        port: The port of the site. Browsers send a cookie to all ports of a host, so its name has the port.

        personal: Whether the site is for one person, who opens the pages with a token. Other sites accept only logins.

        lifetime: Seconds for which the cookie is valid.

    Attributes:
        token: The token of a site for one person; None for other sites.
    """

    token: Optional[str]

    def __init__(self, authenticator: Authenticator, port: int, *, personal: bool, lifetime: float) -> None:
        self._authenticator = authenticator
        self._lifetime = lifetime
        self._cookie = f"sgextended_page_{port}"
        self._secret = secrets.token_bytes(32)
        self.token = secrets.token_urlsafe(24) if personal else None

    def exchange(self, request: Request) -> Optional[Response]:
        """
        Return the response that gives a cookie in exchange for the token; None if the request has no valid token.

        It redirects to the same address without the token, which therefore does not stay in the address bar.
        """
        given = request.query_params.get(TOKEN)
        if given is None or self.token is None or request.method not in _UNCHANGING:
            return None
        if not hmac.compare_digest(given.encode("utf-8", "replace"), self.token.encode()):
            return None
        rest = [(name, value) for name, value in request.query_params.multi_items() if name != TOKEN]
        # Two slashes at the beginning would lead to another host.
        path = "/" + urllib.parse.quote(request.scope["path"]).lstrip("/")
        where = f"{path}?{urllib.parse.urlencode(rest)}" if rest else path
        headers = {"referrer-policy": "no-referrer", "cache-control": "no-store"}
        response = RedirectResponse(where, status_code=303, headers=headers)
        expires = str(int(time.time() + self._lifetime))
        response.set_cookie(
            self._cookie,
            f"{expires}.{self._signature(expires)}",
            max_age=int(self._lifetime),
            path="/",
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https",
        )
        return response

    def admits(self, tx: Transaction, request: Request) -> bool:
        """
        Return whether the request has the cookie of this site, or the login of a user or a script.
        """
        return self._has_cookie(request) or self._has_login(tx, request)

    def _has_cookie(self, request: Request) -> bool:
        expires, _, signature = request.cookies.get(self._cookie, "").partition(".")
        if self.token is None or not (expires.isascii() and expires.isdigit() and len(expires) < 20):
            return False
        is_signed = hmac.compare_digest(signature.encode("utf-8", "replace"), self._signature(expires).encode())
        return is_signed and time.time() < int(expires)

    def _signature(self, expires: str) -> str:
        return hmac.new(self._secret, expires.encode(), "sha256").hexdigest()

    def _has_login(self, tx: Transaction, request: Request) -> bool:
        kind, _, text = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "basic":
            return False
        try:
            name, _, secret = base64.b64decode(text, validate=True).decode("utf-8").partition(":")
        except (binascii.Error, ValueError):
            return False
        kinds = [{"user_login": name, "user_password": secret}, {"script_name": name, "script_key": secret}]
        # The kind that was right before comes first, because a wrong login takes long.
        for auth in sorted(kinds, key=lambda auth: not self._authenticator.is_quick(auth)):
            try:
                self._authenticator.identify(tx, auth, use_code=False)
            except Fault:
                continue
            return True
        return False


def client_of(request: Request) -> str:
    """
    Return the address of the client that sent a request.
    """
    return "" if request.client is None else request.client.host


def is_from_own_page(request: Request) -> bool:
    """
    Return whether a request changes nothing, or was sent by a page of this site.

    A browser also sends cookies and logins when a page of another site, or of another port of this machine, sends a
    form.
    """
    if request.method in _UNCHANGING:
        return True
    return request.headers.get("origin") == f"{request.url.scheme}://{request.headers.get('host')}"
