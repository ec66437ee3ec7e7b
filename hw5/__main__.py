"""Run hw5 by python -m hw5."""

from hw5.cli import main

main()
