"""
``python -m sgextended`` runs the ``sgextended`` command.
"""

from sgextended.cli.entry_point import main

if __name__ == "__main__":
    main()
