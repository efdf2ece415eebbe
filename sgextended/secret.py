"""
`Secret`: a key, password or token that is never shown.
"""

import hmac
import os
import re
from typing import Any, Dict, Optional, Tuple, Union

from sgextended.errors import ConfigurationError


class Secret:
    """
    A key, password or token that no repr, log, traceback or pickle shows.

    It pickles only as the name of the environment variable that it came from.
    """

    __module__ = "sgextended"

    __slots__ = ("_value", "_variable")

    def __init__(self, value: str, *, variable: Optional[str] = None) -> None:
        self._value = value
        self._variable = variable

    @classmethod
    def from_env(cls, variable: str) -> "Secret":
        """
        Return the secret that an environment variable holds.

        Raises:
            ConfigurationError: The variable is not set here.
        """
        value = os.environ.get(variable)
        if not value:
            msg = (
                f"{variable} is not set in this process. The site that was sent here names its secret by that "
                "variable: set it on every machine that runs workers."
            )
            raise ConfigurationError(msg)
        return cls(value, variable=variable)

    def reveal(self) -> str:
        """
        Return the secret itself.
        """
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return f"Secret(from {self._variable})" if self._variable else "Secret(...)"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        how = ("utf-8", "surrogatepass")  # the environment may hold bytes that are no text
        return hmac.compare_digest(self._value.encode(*how), other._value.encode(*how))

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __copy__(self) -> "Secret":
        return self

    def __deepcopy__(self, memo: Dict[int, Any]) -> "Secret":
        return self

    def __reduce__(self) -> Tuple[Any, Tuple[str]]:
        if self._variable is None:
            msg = (
                "This site holds a key or password as a literal value, and pickling would write it down in clear. "
                "Put it into an environment variable and use Site.from_env(), which pickles as the name of the "
                "variable, or build the Site with allow_pickle_secrets=True."
            )
            raise ConfigurationError(msg)
        return Secret.from_env, (self._variable,)


def to_secret(value: Union[str, Secret, None]) -> Optional[Secret]:
    if value is None or isinstance(value, Secret):
        return value
    if not isinstance(value, str):
        # The value itself stays out of the message: it is meant to be a secret.
        msg = f"A key, password or token is text, not {type(value).__name__}."
        raise ConfigurationError(msg)
    return Secret(value)


class RedactedStr(str):
    """
    A text whose repr is hidden, as in the local variables of a crash report's traceback.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "'(hidden)'"


class RedactedBytes(bytes):
    """
    Bytes whose repr shows only their number; see `RedactedStr`.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{len(self)} bytes>"


#: The text that replaces a secret.
HIDDEN = "(hidden)"

_SECRET_WORDS = re.compile(r"password|passwd|secret|token|api_key|script_key", re.IGNORECASE)


def without_secrets(data: Any) -> Any:
    """
    Return a copy of an entity's fields, or of the requests of a batch, in which the values of secret fields are hidden.

    A field is secret if its name contains "password", "passwd", "secret", "token", "api_key" or "script_key".
    """
    if isinstance(data, dict):
        return {
            name: HIDDEN if isinstance(name, str) and _SECRET_WORDS.search(name) else without_secrets(value)
            for name, value in data.items()
        }
    return [without_secrets(each) for each in data] if isinstance(data, list) else data
