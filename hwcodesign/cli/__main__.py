"""This module is run by `python -m hwcodesign.cli`."""

from hwcodesign.cli import main

main()
