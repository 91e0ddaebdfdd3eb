"""Legs: live two-way audio paths. `base` is what everything above sees."""
