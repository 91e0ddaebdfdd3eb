"""Ears, mind and voice: `base` says what each must do, then one file per vendor or local engine."""
