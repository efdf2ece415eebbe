"""
`Secret`: a key, password or token that is never displayed; and functions that hide secrets in other values.
"""

import hmac
import re
from typing import Any, Dict, Optional, Tuple, Union

from sgextended.environment import environment_variable
from sgextended.errors import ConfigurationError


class Secret:
    """
    A key, password or token whose value is not in any repr, log, traceback or pickle.

    A pickle contains only the name of the environment variable of the secret.
    """

    __module__ = "sgextended"

    __slots__ = ("_value", "_variable")

    def __init__(self, value: str, *, variable: Optional[str] = None) -> None:
        self._value = value
        self._variable = variable

    @classmethod
    def from_env(cls, variable: str) -> "Secret":
        """
        Return the secret in an environment variable.

        Raises:
            ConfigurationError: The variable is not set in this process.
        """
        value = environment_variable(variable)
        if not value:
            msg = (
                f"{variable} is not set in this process. A pickled site reads its secret from that variable. Set it on "
                "every machine that runs workers."
            )
            raise ConfigurationError(msg)
        return cls(value, variable=variable)

    def reveal(self) -> str:
        """
        Return the value of the secret.
        """
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return f"Secret(from {self._variable})" if self._variable else "Secret(...)"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        encoding = ("utf-8", "surrogatepass")  # an environment variable may contain bytes that are not valid text
        return hmac.compare_digest(self._value.encode(*encoding), other._value.encode(*encoding))

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __copy__(self) -> "Secret":
        return self

    def __deepcopy__(self, memo: Dict[int, Any]) -> "Secret":
        return self

    def __reduce__(self) -> Tuple[Any, Tuple[str]]:
        if self._variable is None:
            msg = (
                "This site has a key or password as a literal value, which a pickle would contain unencrypted. Put it "
                "into an environment variable and use Site.from_env(), whose pickle contains only the name of the "
                "variable. Or create the Site with allow_pickle_secrets=True."
            )
            raise ConfigurationError(msg)
        return Secret.from_env, (self._variable,)


def to_secret(value: Union[str, Secret, None]) -> Optional[Secret]:
    """
    Return a text as a `Secret`. A `Secret` and None are returned as they are.

    Raises:
        ConfigurationError: The value is of another type.
    """
    if value is None or isinstance(value, Secret):
        return value
    if not isinstance(value, str):
        # The message does not contain the value, as it may be a secret.
        msg = f"A key, password or token is a {type(value).__name__}, which is not valid. Give a text."
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

_HIDDEN_NAMES = r"(?i)password|passwd|secret|token|api_key|script_key"


def is_secret_name(name: str) -> bool:
    """
    Return whether a field of this name holds a secret.
    """
    return bool(re.search(_HIDDEN_NAMES, name))


def without_secrets(data: Any) -> Any:
    """
    Return a copy of an entity's fields, or of the requests of a batch, in which the values of secret fields are hidden.

    A field is secret if its name contains "password", "passwd", "secret", "token", "api_key" or "script_key".
    """
    if isinstance(data, dict):
        return {
            name: HIDDEN if isinstance(name, str) and is_secret_name(name) else without_secrets(value)
            for name, value in data.items()
        }
    return [without_secrets(each) for each in data] if isinstance(data, list) else data
