from pathlib import Path

import pytest

from hookflash.providers.pronunciations import Pronunciations


@pytest.fixture
def dictionary(tmp_path: Path) -> Pronunciations:
    path = tmp_path / "words.dict"
    path.write_text("'til T IH L\na AH\na(2) EY\na's EY Z\nread R EH D\nread(2) R IY D\nzoo Z UW")
    return Pronunciations(path)


def test_all_pronunciations_of_a_word_are_found_in_order(dictionary: Pronunciations) -> None:
    assert dictionary.of("read") == ("R EH D", "R IY D")
    assert dictionary.of("a") == ("AH", "EY")
    assert dictionary.of("a's") == ("EY Z",)


def test_the_first_and_the_last_line_are_found(dictionary: Pronunciations) -> None:
    assert dictionary.of("'til") == ("T IH L",)
    assert dictionary.of("zoo") == ("Z UW",)
    assert len(dictionary) == 7


@pytest.mark.parametrize("word", ["", "b", "rea", "reads", "zzz", "read(2)", "\u00e9t\u00e9"])
def test_what_is_no_word_of_it_has_none(dictionary: Pronunciations, word: str) -> None:
    assert dictionary.of(word) == ()
    assert word not in dictionary


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    with pytest.raises(ValueError, match="empty"):
        Pronunciations(tmp_path / "empty")
