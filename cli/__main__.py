"""python -m hw5.cli is hw5."""

from hw5.cli import main

main()
