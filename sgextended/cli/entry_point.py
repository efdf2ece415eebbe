"""
The entry point of ``sgextended``. It names the missing extra when a command needs a package that is not installed.
"""

import atexit
import gc
import sys

#: The extra that installs each package, by the module whose import fails first.
_EXTRAS = {
    "typer": "cli",
    "rich": "cli",
    "distributed": "dask",
    "starlette": "site",
    "uvicorn": "site",
    "sqlalchemy": "site",
    "trustme": "site",
    "keyring": "keyring",
    "pyarrow": "parquet",
    "openpyxl": "xlsx",
}


def main() -> None:
    """
    Run the command in ``sys.argv``.

    Exit with status 2 and one message if the command was typed wrongly, with status 1 on any other error.
    """
    # At its end Python searches all objects for garbage, up to a fifth of a second for memory that is freed anyway.
    atexit.register(gc.freeze)
    try:
        from sgextended.cli.app import run  # noqa: PLC0415 - the extra may be missing

        run()
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get(error.name or "")
        if extra is None:
            raise
        sys.exit(
            f"sgextended: The package {error.name} is not installed. This command needs it. "
            f"Install it: pip install 'sgextended[{extra}]'"
        )
