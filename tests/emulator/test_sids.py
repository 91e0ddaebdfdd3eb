import re

from hookflash.emulator.sids import Sids


def test_identifiers_have_the_vendors_shape() -> None:
    assert re.fullmatch("CA[0-9a-f]{32}", Sids(0).new("CA"))


def test_the_same_seed_gives_the_same_names_and_another_seed_others() -> None:
    first, again, other = Sids(1), Sids(1), Sids(2)
    names = [first.new("CA"), first.new("CA")]
    assert names == [again.new("CA"), again.new("CA")]
    assert names[0] != names[1]
    assert other.new("CA") not in names


def test_each_kind_is_counted_by_itself() -> None:
    plain, mixed = Sids(0), Sids(0)
    mixed.new("RE")
    assert mixed.new("CA") == plain.new("CA")
