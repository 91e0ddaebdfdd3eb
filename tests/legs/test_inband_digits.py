import asyncio

from hookflash.audio.tones import dtmf_tones, tone
from hookflash.legs.base import Leg
from hookflash.legs.loopback import loopback
from hookflash.runtime import clock
from hookflash.testing import MemoryLeg


class Ear:
    """Keeps the keys with the time at which they were told, and what was heard."""

    def __init__(self, leg: Leg) -> None:
        self.keys: list[tuple[float, str]] = []
        self.heard = b""
        leg.listen(self)

    def audio_received(self, pcm: bytes, at: float) -> None:
        self.heard += pcm

    def digit_received(self, digit: str, at: float) -> None:
        self.keys.append((round(at, 2), digit))

    def leg_closed(self, reason: str) -> None:
        pass

    @property
    def pressed(self) -> str:
        return "".join(key for _, key in self.keys)


def test_keys_are_heard_in_the_audio_where_the_carrier_does_not_report_them() -> None:
    async def main() -> None:
        leg = MemoryLeg(digits_in="audio")
        ear = Ear(leg)
        await leg.say(bytes(3200) + dtmf_tones("4*#"))
        assert ear.keys == [(0.32, "4"), (0.52, "*"), (0.72, "#")]
        leg.close()

    clock.run(main(), virtual=True)


def test_where_the_carrier_reports_keys_their_tones_are_left_alone() -> None:
    async def main() -> None:
        leg = MemoryLeg()
        ear = Ear(leg)
        tones = dtmf_tones("42")
        await leg.say(tones)
        leg.press("7")
        assert ear.pressed == "7"
        assert ear.heard == tones
        leg.close()

    clock.run(main(), virtual=True)


def test_a_key_that_is_reported_and_heard_is_told_once() -> None:
    async def main() -> None:
        leg = MemoryLeg(digits_in="audio")
        ear = Ear(leg)
        leg.press("5")  # reported as the key goes down
        await leg.say(dtmf_tones("5", tone_ms=300))
        await leg.say(dtmf_tones("6", tone_ms=300))
        leg.press("6")  # reported after the key was up
        await asyncio.sleep(1.0)
        assert ear.pressed == "56"
        leg.close()

    clock.run(main(), virtual=True)


def test_a_key_that_is_held_for_seconds_is_told_once() -> None:
    async def main() -> None:
        leg = MemoryLeg(digits_in="audio")
        ear = Ear(leg)
        leg.press("5")
        await leg.say(dtmf_tones("5", tone_ms=4000))
        assert ear.pressed == "5"
        leg.close()

    clock.run(main(), virtual=True)


def test_the_same_key_twice_is_two_keys_however_they_come() -> None:
    async def main() -> None:
        leg = MemoryLeg(digits_in="audio")
        ear = Ear(leg)
        leg.press("3")
        await leg.say(dtmf_tones("33"))
        leg.press("3")
        await asyncio.sleep(2.0)
        leg.press("3")  # long after: a third, whose tone was not heard
        await leg.say(bytes(40_000) + dtmf_tones("3"))  # and a fourth that was not reported
        assert [at for at, _ in ear.keys] == [0.0, 0.32, 2.4, 5.02]
        leg.close()

    clock.run(main(), virtual=True)


def test_tones_do_not_reach_the_recogniser_as_speech() -> None:
    async def main() -> None:
        leg = MemoryLeg(digits_in="audio")
        ear = Ear(leg)
        await leg.say(dtmf_tones("1", tone_ms=500) + tone((300.0,), 200))
        first = ear.heard[: 2 * 8 * 600]
        loud = [at for at in range(0, len(first), 320) if max(first[at : at + 320]) > 0]
        assert len(loud) <= 2  # 40 ms until it is known for a key
        assert ear.heard.endswith(tone((300.0,), 200)[-640:])
        leg.close()

    clock.run(main(), virtual=True)


def test_a_loopback_hears_the_keys_that_the_other_end_plays() -> None:
    async def main() -> None:
        near, far = loopback()
        ear = Ear(near)
        await far.send_dtmf("12w3")
        far.press("4")
        await asyncio.sleep(0.1)
        assert ear.pressed == "1234"
        near.close()
        await asyncio.sleep(0)

    clock.run(main(), virtual=True)


def test_a_carrier_that_sends_keys_itself_is_told_of_each_in_its_time() -> None:
    async def main() -> None:
        leg = MemoryLeg(digits_out="signal")
        speech = leg.play(tone((440.0,), 1000))
        keys = leg.send_dtmf("4w#Wa")
        await speech
        await keys
        assert [(round(at, 2), key) for at, key in leg.digits_sent] == [
            (1.0, "4"),
            (1.7, "#"),
            (2.9, "A"),
        ]
        assert round(asyncio.get_running_loop().time(), 2) == 3.1
        assert not any(leg.heard[16_000:])
        leg.close()

    clock.run(main(), virtual=True)


def test_keys_that_were_dropped_are_not_sent() -> None:
    async def main() -> None:
        leg = MemoryLeg(digits_out="signal")
        keys = leg.send_dtmf("12345")
        await asyncio.sleep(0.5)
        keys.cancel()
        leg.send_dtmf("9").cancel()
        await asyncio.sleep(2.0)
        assert [key for _, key in leg.digits_sent] == ["1", "2", "3"]
        leg.close()

    clock.run(main(), virtual=True)
