"""The helper program of `espeak`: speaks texts with libespeak-ng, over its standard pipes.

Run as a program of its own, never imported: libespeak-ng is GPL, and hookflash does not load it
into its own process. It imports nothing of hookflash.

    python espeak_helper.py LIBRARY DATA

Each request is a line of JSON on standard input: `text`, `voice`, `words_per_minute`, `pitch`.
The answer on standard output is a run of parts, each a letter, a length (4 bytes, big-endian) and
so many bytes: `A` PCM16 at the rate that `R` (4 bytes) said at the start, `W` a word as JSON
`[position in characters from 1, length, milliseconds]`, `X` an error as text, and at last `E`.
"""

import ctypes
import json
import struct
import sys

_SYNCHRONOUS = 2  # speak_lib.h: AUDIO_OUTPUT_SYNCHRONOUS: the callback gets the sound
_RATE, _PITCH = 1, 3
_UTF8 = 1
_WORD = 1
_BUFFER_MS = 200


# speak_lib.h: espeak_EVENT, and t_espeak_callback(short *wav, int numsamples, espeak_EVENT *).
_EVENT = struct.Struct("@iIiiiiP8s")


class _Voice(ctypes.Structure):
    """speak_lib.h: espeak_VOICE; only the language is asked for here."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_char_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("xx1", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)


def _send(kind: bytes, body: bytes = b"") -> None:
    sys.stdout.buffer.write(kind + len(body).to_bytes(4, "big") + body)


def _take(wave: int | None, count: int, events: int) -> int:
    """Pass on what the library gives: samples, and a list of events that a zero type ends."""
    if wave and count > 0:
        _send(b"A", ctypes.string_at(wave, count * 2))
    while True:
        kind, _, position, length, ms, *_ = _EVENT.unpack(ctypes.string_at(events, _EVENT.size))
        if kind == 0:
            return 0
        if kind == _WORD:
            _send(b"W", json.dumps([position, length, ms]).encode())
        events += _EVENT.size


def _choose(lib: ctypes.CDLL, voice: bytes) -> bool:
    """Choose a voice by its name, else (`en-gb` is no name) by its language."""
    if lib.espeak_SetVoiceByName(voice) == 0:
        return True
    return bool(lib.espeak_SetVoiceByProperties(ctypes.byref(_Voice(languages=voice))) == 0)


def _main(library: str, data: str) -> None:
    lib = ctypes.CDLL(library)
    lib.espeak_SetVoiceByName.argtypes = [ctypes.c_char_p]
    rate = lib.espeak_Initialize(_SYNCHRONOUS, _BUFFER_MS, data.encode(), 0)
    if rate <= 0:
        _send(b"X", b"the library could not be initialised")
        sys.stdout.buffer.flush()
        return
    callback = _Callback(_take)  # kept: the library calls it until the end
    lib.espeak_SetSynthCallback(callback)
    _send(b"R", int(rate).to_bytes(4, "big"))
    sys.stdout.buffer.flush()
    for line in sys.stdin.buffer:
        request = json.loads(line)
        text = request["text"].encode()
        if not _choose(lib, request["voice"].encode()):
            _send(b"X", b"there is no such voice")
        else:
            lib.espeak_SetParameter(_RATE, request["words_per_minute"], 0)
            lib.espeak_SetParameter(_PITCH, request["pitch"], 0)
            if lib.espeak_Synth(text, len(text) + 1, 0, 1, 0, _UTF8, None, None) != 0:
                _send(b"X", b"the text could not be spoken")
        _send(b"E")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2])
