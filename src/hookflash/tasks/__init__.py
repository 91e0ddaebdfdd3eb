"""Small jobs for an agent, each with a typed result."""

__all__: list[str] = []
