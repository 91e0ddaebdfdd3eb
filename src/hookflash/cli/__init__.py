"""The command line: `hookflash demo`, `run`, `replay`."""
