"""
Taking over the connection of Toolkit (tk-core), of which nothing is imported.
"""

from typing import Any, Optional, Tuple

from sgextended.errors import ConfigurationError


class ToolkitRenewal:
    """
    Renews a session by Toolkit's own connection, which asks its user for the password.

    Args:
        connection: The connection. No other code calls it at the same time.
    """

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def __call__(self, _site: Any) -> Optional[str]:
        # Any call makes the connection renew its session, and keep the new token.
        self._connection.find_one("HumanUser", [["id", "is", 0]])
        token: Optional[str] = self._connection.config.session_token
        return token


def connection_of(source: Any) -> Tuple[Any, Optional[str]]:
    """
    Return the connection of an engine, a user or a connection of Toolkit, and the login of its user if that is known.

    Raises:
        ConfigurationError: The object is none of these.
    """
    user = None
    if callable(getattr(source, "create_sg_connection", None)):
        user, connection = source, source.create_sg_connection()
    else:
        connection = getattr(source, "shotgun", source)
        user = getattr(connection, "_user", None) or getattr(connection, "sg_auth_user", None)
    if not callable(getattr(connection, "_call_rpc", None)) or not hasattr(connection, "config"):
        msg = (
            f"from_toolkit takes an engine, a user or a connection of Toolkit, and not a {type(source).__name__}. Give "
            "sgtk.platform.current_engine(), sgtk.get_authenticated_user(), or engine.shotgun."
        )
        raise ConfigurationError(msg)
    return connection, _login_of(user)


def _login_of(user: Any) -> Optional[str]:
    for candidate in (user, getattr(user, "impl", None)):
        login = getattr(candidate, "login", None)
        get_login = getattr(candidate, "get_login", None)
        if login is None and callable(get_login):
            login = get_login()
        if isinstance(login, str) and login:
            return login
    return None
