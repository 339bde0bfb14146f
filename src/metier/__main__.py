"""`python -m metier` is `metier`."""

from metier.cli import main

main()
