"""
The ``sgextended`` command. It needs the extra ``cli``; ``site`` and ``demo`` need ``site`` too, ``map --dask`` needs
``dask``.
"""

import sys

# What the extras bring, by the module that is missed first, and the extra to name.
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
}


def main() -> None:
    """
    Run the command of ``sys.argv``. A user's mistake ends in one message and exit status 2, all else in 1.
    """
    try:
        from sgextended.cli.app import run  # noqa: PLC0415 - the extra may be missing

        run()
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get(error.name or "")
        if extra is None:
            raise
        sys.exit(f"sgextended: this command needs {error.name}: pip install 'sgextended[{extra}]'")
