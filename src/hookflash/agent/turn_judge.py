"""Asks a turn detector whether the caller has finished, while the turn machine waits."""

import asyncio
import logging
from collections.abc import Callable

from hookflash.agent.emitter import Emitter
from hookflash.errors import HookflashError
from hookflash.events.turn import TurnJudged
from hookflash.providers.base import TurnDetector
from hookflash.providers.chat import ChatContext
from hookflash.runtime.tasks import TaskOwner

__all__ = ["TurnJudge"]

_log = logging.getLogger("hookflash.agent")

# Seconds that a verdict may take: a later one would come when the rules have decided.
_WITHIN = 1.0


class TurnJudge:
    """Judges the words of a turn each time there are more of them."""

    def __init__(
        self,
        detector: TurnDetector,
        owner: TaskOwner,
        emitter: Emitter,
        *,
        context: Callable[[], ChatContext],
        tell: Callable[[TurnJudged], None],
    ) -> None:
        """Know everybody.

        Args:
            detector: prepared; may be replaced.
            owner: whose tasks ask it.
            emitter: is told of failures.
            context: gives the conversation before the turn.
            tell: is given each verdict.
        """
        self.detector = detector
        self._owner = owner
        self._emitter = emitter
        self._context = context
        self._tell = tell
        self._asking: asyncio.Task[None] | None = None

    def judge(self, text: str) -> None:
        """Ask about these words; a question about fewer of them is dropped."""
        if self._asking is not None:
            self._asking.cancel()
        self._asking = self._owner.start(self._ask(text), name="turn detector")

    async def _ask(self, text: str) -> None:
        try:
            async with asyncio.timeout(_WITHIN):
                likely = await self.detector.completeness(self._context(), text)
        except TimeoutError:
            self._emitter.tell_error("turn_detector", "timeout", f"no verdict in {_WITHIN:.0f} s")
        except HookflashError as exc:
            self._emitter.tell_error("turn_detector", exc.reason, str(exc))
        except Exception as exc:  # noqa: BLE001  # a provider's bug: the rules decide instead
            _log.error("the turn detector's provider raised", exc_info=exc)
            self._emitter.tell_error("turn_detector", "provider_failed", type(exc).__name__)
        else:
            self._tell(TurnJudged(text=text, completeness=min(1.0, max(0.0, likely))))
