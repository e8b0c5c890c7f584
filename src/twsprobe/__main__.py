"""``python -m twsprobe``."""

from twsprobe.cli.main import main

main()
