import asyncio

import pytest
from tests.agent.stage import on_stage

from hookflash.agent import Agent
from hookflash.errors import ProviderError
from hookflash.events.session import ErrorOccurred, TurnCompleted
from hookflash.pipeline import Pipeline
from hookflash.providers.base import TurnDetector
from hookflash.providers.chat import ChatContext
from hookflash.runtime import clock
from hookflash.testing import ScriptedLLM, ScriptedSTT, ScriptedTTS, ScriptedVAD


class Detector(TurnDetector):
    name = "scripted"

    def __init__(
        self, likely: float, *, delay: float = 0.0, error: Exception | None = None
    ) -> None:
        self.likely = likely
        self.delay = delay
        self.error = error
        self.asked: list[str] = []

    async def completeness(self, context: ChatContext, text: str) -> float:
        self.asked.append(text)
        await asyncio.sleep(self.delay)
        if self.error is not None:
            raise self.error
        return self.likely


def wait_after(detector: Detector) -> tuple[float, list[ErrorOccurred]]:
    """Seconds from the caller's last sound to the end of the turn, and what failed."""

    async def main() -> tuple[float, list[ErrorOccurred]]:
        async with on_stage(Agent(), turn_detector=detector) as stage:
            await stage.caller_says("I would like a table")
            offset = stage.now() - 0.3
            ended: list[float] = []
            stage.session.on(TurnCompleted, lambda _: ended.append(stage.now()))
            await asyncio.sleep(4)
            (at,) = ended
            return at - offset, stage.of(ErrorOccurred)

    return clock.run(main(), virtual=True)


@pytest.mark.parametrize(("likely", "wait"), [(1.0, 0.3), (0.5, 0.9), (0.0, 1.5), (7.0, 0.3)])
def test_the_surer_the_detector_the_shorter_the_wait(likely: float, wait: float) -> None:
    detector = Detector(likely)
    waited, errors = wait_after(detector)
    assert waited == pytest.approx(wait, abs=0.03)
    assert errors == []
    assert detector.asked == ["I would like a table"]


@pytest.mark.parametrize(
    ("detector", "reason"),
    [
        (Detector(0.0, delay=60), None),
        (Detector(0.0, error=ProviderError("no")), "provider_failed"),
        (Detector(0.0, error=KeyError("x")), "provider_failed"),
    ],
    ids=["hangs", "refuses", "breaks"],
)
def test_without_a_verdict_the_rules_decide(detector: Detector, reason: str | None) -> None:
    waited, errors = wait_after(detector)
    assert waited == pytest.approx(0.5, abs=0.03)
    assert [error.source for error in errors] == ["turn_detector"]
    assert reason is None or errors[0].reason == reason


def test_a_detector_is_prepared_with_the_other_parts() -> None:
    class Prepared(Detector):
        ready = False

        async def prepare(self) -> None:
            self.ready = True

    async def main() -> None:
        detector = Prepared(1.0)
        pipeline = Pipeline(
            stt=ScriptedSTT(),
            llm=ScriptedLLM(),
            tts=ScriptedTTS(),
            vad=ScriptedVAD(),
            turn_detector=detector,
        )
        await pipeline.prepare()
        assert detector.ready
        await pipeline.aclose()

    clock.run(main(), virtual=True)
