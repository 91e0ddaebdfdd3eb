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
import sys

_SYNCHRONOUS = 2  # speak_lib.h: AUDIO_OUTPUT_SYNCHRONOUS: the callback gets the sound
_RATE, _PITCH = 1, 3
_UTF8 = 1
_WORD = 1
_BUFFER_MS = 200


class _Id(ctypes.Union):
    _fields_ = [  # noqa: RUF012  # ctypes wants a list
        ("number", ctypes.c_int),
        ("name", ctypes.c_char_p),
        ("string", ctypes.c_char * 8),
    ]


class _Event(ctypes.Structure):
    _fields_ = [  # noqa: RUF012
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    ]


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


def _send(kind: bytes, body: bytes = b"") -> None:
    sys.stdout.buffer.write(kind + len(body).to_bytes(4, "big") + body)


@_Callback
def _take(wave, count, events):  # type: ignore[no-untyped-def]  # called by C
    if wave and count > 0:
        _send(b"A", ctypes.string_at(wave, count * 2))
    index = 0
    while events[index].type:
        event = events[index]
        if event.type == _WORD:
            word = [event.text_position, event.length, event.audio_position]
            _send(b"W", json.dumps(word).encode())
        index += 1
    return 0


def _main(library: str, data: str) -> None:
    lib = ctypes.CDLL(library)
    lib.espeak_SetVoiceByName.argtypes = [ctypes.c_char_p]
    rate = lib.espeak_Initialize(_SYNCHRONOUS, _BUFFER_MS, data.encode(), 0)
    if rate <= 0:
        _send(b"X", b"the library could not be initialised")
        sys.stdout.buffer.flush()
        return
    lib.espeak_SetSynthCallback(_take)
    _send(b"R", int(rate).to_bytes(4, "big"))
    sys.stdout.buffer.flush()
    for line in sys.stdin.buffer:
        request = json.loads(line)
        text = request["text"].encode()
        if lib.espeak_SetVoiceByName(request["voice"].encode()) != 0:
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
