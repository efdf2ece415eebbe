"""
`ConnectionSettings`: how a client reaches a server: its address, proxy and certificates, and the user agent.
"""

from typing import Any, Optional

from shotgun_api3.lib import httplib2

from sgextended._version import __version__
from sgextended.client.protocol.client_config import split_server
from sgextended.client.transfers.transfer import ClientBase
from sgextended.environment import environment_variable
from sgextended.header_text import check_header_text
from sgextended.http.proxy import Proxy
from sgextended.http.socket_opener import Endpoint


class ConnectionSettings(ClientBase):
    """
    The part of a client that has the settings of its connections.
    """

    def _endpoint(self, scheme: str, server: str) -> Endpoint:
        """
        Return the endpoint of a server: the site, or a storage that the site names.

        Args:
            scheme: "http" or "https".

            server: The host of the server, and its port if the address has one.
        """
        host, port = split_server(server)
        return Endpoint(
            scheme=scheme,
            host=host,
            port=port,
            proxy=self._site.proxy_to(scheme, server),
            ca_file=self.__dict__["_Shotgun__ca_certs"],
            connections=self._site.connections,
        )

    @classmethod
    def _get_certs_file(cls, ca_certs: Optional[str]) -> str:
        given = ca_certs or environment_variable("SHOTGUN_API_CACERTS")
        # With an empty variable the official client uses the certificates of its httplib2.
        found: str = given or super()._get_certs_file(None) or httplib2.CA_CERTS  # type: ignore[no-untyped-call]
        return found

    def _set_proxy(self, proxy: Proxy) -> None:
        """
        Set a proxy with an IPv6 address, which the constructor of the official client refuses.
        """
        config = self.config
        config.proxy_server, config.proxy_port, config.proxy_user = proxy.host, proxy.port, proxy.user
        config.proxy_pass, config.raw_http_proxy = proxy.password, proxy.native

    def add_user_agent(self, agent: str) -> None:
        """
        Add a text to the user agent.

        Raises:
            ConfigurationError: The text cannot be in a header.
        """
        check_header_text("The user agent", agent, is_secret=False)
        super().add_user_agent(agent)

    def reset_user_agent(self) -> None:
        """
        Reset the user agent to that of shotgun_api3 and sgextended.
        """
        super().reset_user_agent()
        self.add_user_agent(f"sgextended ({__version__})")

    def _take_user_agents(self, agents: Any) -> None:
        """
        Use the user agents of another client, and keep those of this client that are not among them.
        """
        for agent in agents:
            check_header_text("The user agent", agent, is_secret=False)
        self._user_agents = [*agents, *(agent for agent in self._user_agents if agent not in agents)]
