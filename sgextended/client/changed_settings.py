"""
`ChangedSettings`: the settings of a client, which include each change of its configuration.
"""

import base64
import warnings
from typing import Any, Dict

from sgextended.client.protocol.client_config import RedactingConfig
from sgextended.client.protocol.site_of_config import (
    NATIVE_RETRIES,
    grouped_values,
    settings_beside_site,
    site_with_changes,
)
from sgextended.client.transfers.transfer import ClientBase
from sgextended.errors import ConfigurationError
from sgextended.http.retry import RetryPolicy
from sgextended.secret import Secret
from sgextended.site_settings import Site


class ChangedSettings(ClientBase):
    """
    The part of a client that has its settings.

    Attributes:
        given_site: The site for which the client was made.
    """

    given_site: Site

    def _begin_with(self, site: Site) -> None:
        """
        Give a new client the settings of *site* that the constructor of the official client does not take.
        """
        config = self.config
        if site.session_token:
            config.user_login = site.login  # the user of the session; without a password it is not a credential
        config.localized = site.localized
        if site.basic_auth:
            coded = base64.b64encode(site.basic_auth.reveal().encode("utf-8"))
            config.authorization = "Basic " + coded.decode("ascii")
        asked = config.rpc_attempt_interval
        config.max_rpc_attempts, config.rpc_attempt_interval = site.retry.attempts, 1000 * site.retry.first_wait
        self.__dict__["_first_values"] = grouped_values(config)
        self.__dict__["_settled"] = (config.version, site)
        if asked != NATIVE_RETRIES[1] and site.retry.first_wait == RetryPolicy().first_wait:
            config.rpc_attempt_interval = asked  # SHOTGUN_API_RETRY_INTERVAL has it

    @property
    def config(self) -> Any:
        """
        The native configuration. A change of it applies to later calls.
        """
        return self.__dict__["_config"]

    @config.setter
    def config(self, new: Any) -> None:
        # The official client assigns an empty configuration once, and fills it afterwards.
        if "_config" not in self.__dict__:
            self.__dict__["_config"] = RedactingConfig(self)
        else:
            self.__dict__["_config"].take_over(new)

    @property
    def site(self) -> Site:
        """
        The site and credentials, including changes made on `config`.
        """
        config, known = self.config, self.__dict__["_settled"]
        version = config.version
        if known[0] is version:
            return known[1]  # type: ignore[no-any-return]
        site = site_with_changes(self.given_site, self.__dict__["_first_values"], config)
        if site.is_exposed and site.url != known[1].url:
            warn_of_plain_http(site, stacklevel=3)
        self.__dict__["_settled"] = (version, site)
        return site

    @property
    def _site(self) -> Site:  # type: ignore[override]  # an attribute for the other parts
        return self.site

    @property
    def base_url(self) -> str:
        """
        The address of the site, in lower case.
        """
        if "_settled" not in self.__dict__ or self.site.url == self.given_site.url:
            return self.__dict__["_base_url"]  # type: ignore[no-any-return]
        return self.site.url.lower()

    @base_url.setter
    def base_url(self, value: str) -> None:
        if "_settled" in self.__dict__:
            msg = "base_url cannot be set, as it is not the address of calls. Call config.set_server_params(url)."
            raise ConfigurationError(msg)
        self.__dict__["_base_url"] = value

    def __getstate__(self) -> Dict[str, Any]:
        # from_shotgun also calls it with an official client.
        return {"config": settings_beside_site(self.config), "user_agents": list(self._user_agents)}

    def __setstate__(self, state: Dict[str, Any]) -> None:
        for name, value in state["config"].items():
            setattr(self.config, name, value)
        self._take_user_agents(state["user_agents"])

    def _state_to_pickle(self) -> Dict[str, Any]:
        """
        Return the state without credentials that are not in use.
        """
        state = self.__getstate__()
        for name in ("api_key", "user_password", "session_token"):
            state["config"].pop(name, None)
        if self.site.allow_pickle_secrets:
            state["config"] = {
                name: value.reveal() if isinstance(value, Secret) else value for name, value in state["config"].items()
            }
        return state


def warn_of_plain_http(site: Site, *, stacklevel: int) -> None:
    """
    Warn that credentials are sent unencrypted.
    """
    msg = (
        f"{site.url} is plain http: keys and passwords are sent unencrypted, so that others on the network can "
        "read them. Use https."
    )
    warnings.warn(msg, stacklevel=stacklevel + 1)
