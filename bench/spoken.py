"""What the normalisers of spoken values make of the corpus of their tests.

    python -m bench.spoken

Prints the table of `docs/reference/spoken-values.md`: over several seeds of the corpus, how much
is exactly right, a question, or wrong; and the same after one word was lost on the way, which
nobody can repair: then a question is the best that can be hoped for.
"""

import random
import time
from collections import Counter

from tests.tasks.spoken.corpus import Case, corpus, right

__all__ = ["print_spoken"]

_SEEDS = range(1, 11)


def _verdict(case: Case) -> str:
    found = case.heard()
    if right(case, found):
        return "right"
    return "question" if found.value is None else "wrong"


def _damaged(case: Case, rng: random.Random) -> Case:
    words = case.said.split()
    del words[rng.randrange(len(words))]
    return Case(case.kind, " ".join(words), case.expected, case.hear)


def print_spoken() -> None:
    """Print the table."""
    rng = random.Random(0)  # noqa: S311 - the same damage each time, not a secret
    whole: Counter[tuple[str, str]] = Counter()
    lost: Counter[tuple[str, str]] = Counter()
    cases = [case for seed in _SEEDS for case in corpus(seed)]
    began = time.process_time()
    for case in cases:
        whole[case.kind, _verdict(case)] += 1
    cost = (time.process_time() - began) / len(cases)
    for case in cases:
        lost[case.kind, _verdict(_damaged(case, rng))] += 1
    print("| kind | said | right | question | wrong | a word lost: right | question | wrong |")
    print("|---|---|---|---|---|---|---|---|")
    for kind in dict.fromkeys(case.kind for case in cases):
        total = sum(count for (name, _), count in whole.items() if name == kind)
        shares = [
            f"{100 * table[kind, verdict] / total:.1f} %"
            for table in (whole, lost)
            for verdict in ("right", "question", "wrong")
        ]
        print(f"| {kind} | {total} | {' | '.join(shares)} |")
    print(f"\n{1e6 * cost:.0f} microseconds of CPU for each.")


if __name__ == "__main__":
    print_spoken()
