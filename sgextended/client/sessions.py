"""
`Sessions`: the sessions of a client with the site: starting one, renewing one that has expired.
"""

import functools
from typing import Any, Dict, FrozenSet, Optional, Union

import attrs
from shotgun_api3.shotgun import Shotgun

from sgextended.client.transfers.transfer import ClientBase
from sgextended.concurrency.scoped_value import ScopedValue
from sgextended.header_text import check_header_text
from sgextended.http.retry import RetryPolicy
from sgextended.secret import Secret, to_secret
from sgextended.site_settings import Site

#: The session tokens that a ``renew_session`` function of this thread is renewing. The requests of that function must
#: not renew the same token again.
_RENEWING: "ScopedValue[FrozenSet[Secret]]" = ScopedValue("sgextended_renewing", frozenset())


class Sessions(ClientBase):
    """
    The part of a client that starts and renews sessions.
    """

    def _start_session(self, site: Site) -> None:
        """
        Exchange a one-time code for a session, once per process: the site accepts each code only once.
        """
        config = self.config
        config.auth_token = site.auth_token
        key = ("session", site.login, site.password, site.auth_token)
        config.session_token = self._transport.shared.once(key, functools.partial(Shotgun.get_session_token, self))
        config.user_login = config.user_password = config.auth_token = None

    def _renew_session(self, refused: Optional[Secret]) -> Optional[Secret]:
        """
        Use and return the session token that replaces one that the site has refused. Return None if there is no new
        token.
        """
        renew, renewing = self._site.renew_session, _RENEWING.get()
        if renew is None or refused is None or refused in renewing:
            return None
        site, transport = self.site, self._transport
        with _RENEWING.bind(renewing | {refused}):
            # A token that is not valid raises an error here, so that a later call asks for another one.
            made = transport.shared.once(("renewed", refused), lambda: _valid_token(renew(site)))
        seen = {refused}
        new = refused
        while made and made not in seen:
            seen.add(made)
            # The new token may have been replaced as well.
            new, made = made, transport.shared.known(("renewed", made))
        if new == refused:
            return None
        self.config.session_token = new
        return new

    def authenticate_human_user(
        self, user_login: str, user_password: str, auth_token: Optional[str] = None
    ) -> Optional[Dict[str, Any]]:
        """
        Return the HumanUser that has this login and password. Return None if the site refuses them.

        The native method changes the credentials of the client while it runs, also for calls of other threads. This
        method changes those of a clone.
        """
        self._fail_if_closed()
        site = attrs.evolve(self.site, retry=RetryPolicy(attempts=1))  # the site locks an account after some failures
        client, wrapper = self._of(site), getattr(self, "_sgextended_wrapper", None)
        if wrapper is not None:  # its overrides are called on a copy of the wrapper that has these credentials, too
            copied = wrapper.clone()
            copied._client = client  # noqa: SLF001 - part of the wrapper
            client = client.calling(copied, self._watcher)
        found: Optional[Dict[str, Any]] = Shotgun.authenticate_human_user(client, user_login, user_password, auth_token)
        return found

    def get_session_token(self) -> str:
        """
        Return the token of a session. A process starts one session for each identity, as the native method starts one
        for each instance.

        The native method also switches the client to that session, for all threads. This method leaves the client as
        it is.
        """
        self._fail_if_closed()
        return self._download_session(None).reveal()

    def _begin_session(self) -> str:
        token: str = Shotgun.get_session_token(self.clone())
        return token


def _valid_token(made: Union[str, Secret, None]) -> Optional[Secret]:
    """
    Return the result of a ``renew_session`` function.

    Raises:
        ConfigurationError: The result is not a token, or cannot be sent as one.
    """
    token = to_secret(made)
    if token is not None:
        check_header_text("The result of renew_session", token.reveal())
    return token
