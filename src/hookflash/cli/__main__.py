"""`python -m hookflash.cli` is `hookflash`."""

from hookflash.cli.main import run

run()
