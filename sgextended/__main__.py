"""
``python -m sgextended`` is the ``sgextended`` command.
"""

from sgextended.cli import main

if __name__ == "__main__":
    main()
