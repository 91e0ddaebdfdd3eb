"""Things said that were written by hand, before anybody looked what becomes of them."""

from collections.abc import Callable
from datetime import date

import pytest

from hookflash.tasks.spoken import (
    Heard,
    hear_address,
    hear_date,
    hear_email,
    hear_name,
    hear_phone,
)


def born(text: str) -> Heard[date]:
    return hear_date(text, today=date(2026, 11, 20), kind="birth", region="US")


SAID: list[tuple[Callable[[str], Heard[object]], list[tuple[str, str | None]]]] = [
    (
        hear_email,
        [
            (
                "yeah it's uh sarah s a r a h dot connor c o n n o r at gmail dot com",
                "sarah.connor@gmail.com",
            ),
            ("s like sam a m like mary at yahoo dot com", "sam@yahoo.com"),
            ("my email is kevin thirty three at outlook", "kevin33@outlook.com"),
            ("so that's t underscore rex at icloud dot com", "t_rex@icloud.com"),
            ("office at smith and sons dot com", "office@smithandsons.com"),
            ("it's j dot r dot ewing at dallas dot net", "j.r.ewing@dallas.net"),
            ("a b c one two three at hotmail dot com", "abc123@hotmail.com"),
            ("kate with a k k a t e at gmail dot com", None),
            ("liz at gmail dot com oh wait it's liz two at gmail dot com", "liz2@gmail.com"),
            ("p as in peter e r e z at gmail dot com", "perez@gmail.com"),
            ("it's double o seven at mi six dot gov dot uk", "007@mi6.gov.uk"),
            ("contact at the bakery dot co dot uk", "contact@thebakery.co.uk"),
            ("my name is jane and my email is jane at gmail dot com", "jane@gmail.com"),
            ("maria dash lopez at live dot com", "maria-lopez@live.com"),
            ("z a c h at aol dot com", "zach@aol.com"),
            ("tim at tims hyphen tools dot de", "tim@tims-tools.de"),
            (
                "ok so it's nick nineteen ninety at gmail dot com did you get that",
                "nick1990@gmail.com",
            ),
            ("eric e r i k at gmail dot com", "erik@gmail.com"),
            ("w w jones at gmail dot com", "wwjones@gmail.com"),
            ("please send it to bob at bobs burgers dot com", "bob@bobsburgers.com"),
        ],
    ),
    (
        hear_phone,
        [
            ("sure, six one seven, two five three, ten hundred", "+16172531000"),
            ("617-253-1000", "+16172531000"),
            ("it's 617 253 one thousand", "+16172531000"),
            ("six seventeen two fifty three one thousand", "+16172531000"),
            ("my number is six one seven two five three one oh oh oh", "+16172531000"),
            ("area code six one seven and then two five three one triple zero", "+16172531000"),
            ("you've got it on your screen", None),
            ("plus one six one seven two five three one thousand", "+16172531000"),
            ("six one seven two five tree one zero zero zero", "+16172531000"),
            (
                "six one seven two five three one zero zero zero extension four oh two",
                "+16172531000;ext=402",
            ),
        ],
    ),
    (
        born,
        [
            ("july the fourth nineteen seventy six", "1976-07-04"),
            ("I was born on the 5th of november 1955", "1955-11-05"),
            ("twelve twenty five eighty", "1980-12-25"),
            ("october thirty first ninety nine", "1999-10-31"),
            ("uh the second of february sixty two", "1962-02-02"),
            ("nine eleven two thousand one", "2001-09-11"),
            ("May 4th, I mean May 14th, 1983", "1983-05-14"),
            ("it was 1983, May the 14th", "1983-05-14"),
            ("leap day ninety six", None),
            ("first january eighty", "1980-01-01"),
        ],
    ),
    (
        hear_name,
        [
            ("yeah hi it's Robert Downey", "Robert Downey"),
            ("Zoe Saldana z o e s a l d a n a", "Zoe Saldana"),
            ("it's Kim, k i m, Lee, l e e", "Kim Lee"),
            ("Anne with an e Hathaway", None),
            ("my name is Vincent van Gogh", "Vincent van Gogh"),
            ("first name Sean s e a n last name Penn", "Sean Penn"),
            ("O'Connor, first name Sinead", "Sinead O'Connor"),
            ("last name is Wu and first name is Constance", "Constance Wu"),
            ("Ben Affleck, that's two fs", "Ben Affleck"),
        ],
    ),
    (
        hear_address,
        [
            (
                "it's 1 Apple Park Way, Cupertino, California 95014",
                "1 Apple Park Way, Cupertino, CA 95014, US",
            ),
            (
                "three fifty fifth avenue new york new york one zero one one eight",
                "350 5th Avenue, New York, NY 10118, US",
            ),
            ("eleven wall street new york ny 10005", "11 Wall Street, New York, NY 10005, US"),
            (
                "sixteen hundred amphitheatre parkway mountain view california 94043",
                "1600 Amphitheatre Parkway, Mountain View, CA 94043, US",
            ),
            (
                "my address is 233 south wacker drive suite 4700 chicago illinois 60606",
                "233 South Wacker Drive, Suite 4700, Chicago, IL 60606, US",
            ),
            (
                "four oh four maple court unit b denver colorado eight oh two oh two",
                "404 Maple Court, Unit B, Denver, CO 80202, US",
            ),
            ("10 Downing Street London SW1A 2AA", "10 Downing Street, London, SW1A 2AA, GB"),
            (
                "77 massachusetts avenue cambridge massachusetts 02139",
                "77 Massachusetts Avenue, Cambridge, MA 02139, US",
            ),
        ],
    ),
]

# Those that end in a question although a person would know.
QUESTIONS = {
    "O'Connor, first name Sinead",
    "Ben Affleck, that's two fs",
    "three fifty fifth avenue new york new york one zero one one eight",
}


@pytest.mark.parametrize(
    ("hear", "said", "expected"),
    [(hear, said, expected) for hear, rows in SAID for said, expected in rows],
)
def test_it_is_right_or_a_question(
    hear: Callable[[str], Heard[object]], said: str, expected: str | None
) -> None:
    value = hear(said).value
    wanted = None if said in QUESTIONS else expected
    assert (None if value is None else str(value)) == wanted
