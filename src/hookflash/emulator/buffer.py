"""What the carrier does with the audio and marks that an application sends it: exactly a FIFO.

Rules (https://www.twilio.com/docs/voice/media-streams/websocket-messages):

- Audio plays at once, at real-time pace; more is appended. There is no cap.
- A mark comes back when all audio queued before it has been played; at once if there is none.
- Clear drops the audio that has not begun to play and returns all pending marks, in order: a
  returned mark is no proof that anything was heard.
"""

from collections import deque

__all__ = ["PlayoutBuffer"]


class PlayoutBuffer:
    """Audio in a stream's encoding (one byte a sample), and marks between.

    Its owner takes a piece at fixed intervals, each of which lasts exactly as long as the piece:
    a piece counts as played when the next one is taken.
    """

    def __init__(self, *, silence: int = 0xFF) -> None:
        """Begin empty.

        Args:
            silence: the code that pads a piece; 0xFF is zero in mu-law.
        """
        self._silence = bytes([silence])
        self._chunks: deque[bytes] = deque()
        self._offset = 0
        # Positions are bytes of audio since the beginning; a clear moves all to the same place.
        self._appended = 0
        self._taken = 0
        self._played = 0
        self._marks: deque[tuple[int, str]] = deque()

    @property
    def queued(self) -> int:
        """How many bytes have not begun to play."""
        return self._appended - self._taken

    @property
    def pending(self) -> int:
        """How many marks have not come back."""
        return len(self._marks)

    def play(self, payload: bytes) -> None:
        """Append audio of any length."""
        if payload:
            self._chunks.append(payload)
            self._appended += len(payload)

    def mark(self, name: str) -> list[str]:
        """Append a mark; return it if it comes back at once, else nothing."""
        if self._appended <= self._played:
            return [name]
        self._marks.append((self._appended, name))
        return []

    def clear(self) -> list[str]:
        """Drop what has not begun to play; return the pending marks, oldest first."""
        self._chunks.clear()
        self._offset = 0
        self._taken = self._played = self._appended
        names = [name for _, name in self._marks]
        self._marks.clear()
        return names

    def passed(self) -> list[str]:
        """The piece taken last has been played: return the marks that this passed."""
        self._played = self._taken
        names: list[str] = []
        while self._marks and self._marks[0][0] <= self._played:
            names.append(self._marks.popleft()[1])
        return names

    def take(self, size: int) -> bytes | None:
        """Return the next `size` bytes, padded with silence; None if nothing is queued."""
        if not self._chunks:
            return None
        first = self._chunks[0]
        end = self._offset + size
        if end <= len(first):
            # The usual case: the application sends frames, or one piece far longer than a frame.
            piece = first[self._offset : end]
            if end == len(first):
                self._chunks.popleft()
                self._offset = 0
            else:
                self._offset = end
            self._taken += size
            return piece
        parts: list[bytes] = []
        missing = size
        while missing and self._chunks:
            part = self._chunks[0][self._offset : self._offset + missing]
            parts.append(part)
            missing -= len(part)
            self._offset += len(part)
            if self._offset == len(self._chunks[0]):
                self._chunks.popleft()
                self._offset = 0
        self._taken += size - missing
        return b"".join(parts) + self._silence * missing
