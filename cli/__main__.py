"""Run hw5 by python -m hw5.cli."""

from hw5.cli import main

main()
