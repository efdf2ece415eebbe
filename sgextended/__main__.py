"""
``python -m sgextended`` runs the ``sgextended`` command.
"""

from sgextended.cli.main import main

if __name__ == "__main__":
    main()
