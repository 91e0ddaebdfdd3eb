"""Telephone companies: `base` says what each must do, then one file per company."""
