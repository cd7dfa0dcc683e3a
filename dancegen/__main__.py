"""`python -m dancegen` is the `dancegen` command."""

from dancegen.cli.main import main

main()
