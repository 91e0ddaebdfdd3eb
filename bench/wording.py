"""What it costs to put what a model wrote into what is said.

    ./scripts/bench wording

Prints milliseconds to compile the rules, and microseconds of CPU per sentence.
"""

import time

from hookflash.pipeline.wording import TextForSpeech

__all__ = ["print_wording"]

_SENTENCES = {
    "words": "Of course, I can do that for you, and I will send you a message when it's done.",
    "one number": "Of course, we have 3 places left for you on the first day of the week, I think.",
    "an offer": "That is **$24.50** for two nights from March 3-5, check-in at 3:30 PM, room 204.",
    "a code": "Your confirmation code is HB-4821; call +1 415 555 0100 or write to b@example.com.",
}
_TIMES = 2000


def _microseconds(wording: TextForSpeech, text: str) -> float:
    best = float("inf")
    for _ in range(5):
        began = time.process_time()
        for _ in range(_TIMES):
            wording.of(text)
        best = min(best, (time.process_time() - began) / _TIMES)
    return best * 1e6


def print_wording() -> None:
    """Print it for English."""
    began = time.perf_counter()
    english = TextForSpeech()
    english.of("Call 1, **now**.")
    print(f"{1000 * (time.perf_counter() - began):6.1f} ms to compile the rules of English")
    print("CPU us per sentence")
    for name, text in _SENTENCES.items():
        print(f"{_microseconds(english, text):8.1f}  {name} ({len(text)} characters)")
