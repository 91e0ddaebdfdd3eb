"""Text without what no voice can say and no reader should get."""

__all__ = ["without_controls"]

# C0 and C1 controls and DEL, but for tab and line feed, which separate words.
_CONTROLS = {code: None for code in (*range(0x20), *range(0x7F, 0xA0)) if code not in {0x09, 0x0A}}


def without_controls(text: str) -> str:
    """Return `text` without control characters; tabs and line feeds stay."""
    return text if text.isprintable() else text.translate(_CONTROLS)
