"""`python -m hwcodesign.cli`."""

from hwcodesign.cli import main

main()
