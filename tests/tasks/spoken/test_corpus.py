"""Over a corpus of things said, values are right, or there is none."""

from collections import Counter

from tests.tasks.spoken.corpus import corpus, right


def test_the_corpus_has_hundreds_of_different_things_said() -> None:
    cases = corpus()
    assert len({case.said for case in cases}) >= 600
    assert len({case.kind for case in cases}) == 10


def test_97_of_100_are_exactly_right_in_each_kind_and_the_others_are_questions() -> None:
    for seed in (1, 23, 101):
        cases = corpus(seed)
        heard = [case.heard() for case in cases]
        total = Counter(case.kind for case in cases)
        good = Counter(
            case.kind for case, found in zip(cases, heard, strict=True) if right(case, found)
        )
        for kind, count in total.items():
            assert good[kind] >= 0.97 * count, (seed, kind)
        wrong = [
            (case.said, found.value)
            for case, found in zip(cases, heard, strict=True)
            if found.value is not None and not right(case, found)
        ]
        assert wrong == []


def test_there_is_either_a_value_or_a_problem_that_says_what_to_ask() -> None:
    for case in corpus(2):
        found = case.heard()
        assert (found.value is None) == (found.problem is not None)
        if found.problem is not None:
            assert found.problem.ask.endswith(".")
