"""Identifiers and secrets: the only use of randomness."""

import secrets

__all__ = ["new_id", "new_token"]


def new_id(prefix: str) -> str:
    """Return a fresh identifier such as `call_9f2c...` (48 random bits)."""
    return f"{prefix}_{secrets.token_hex(6)}"


def new_token() -> str:
    """Return a secret of 256 random bits, URL-safe."""
    return secrets.token_urlsafe(32)
