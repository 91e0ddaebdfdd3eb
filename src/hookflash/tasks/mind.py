"""Who leads a task, and what callers say who do not answer its question."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Literal, TypeAlias

from hookflash.agent import AgentSession
from hookflash.providers.rules import RuleLLM

__all__ = ["Mind", "Wish", "hear_wish", "mind_of"]

Mind: TypeAlias = Literal["model", "rules"]
"""Who leads the conversation of a task: the language model, or the task alone."""


def mind_of(session: AgentSession[Any]) -> Mind:
    """Return who leads unless a task is told: a model, if there is one that reads instructions."""
    pipeline = session.pipeline
    if pipeline.realtime is not None:
        return "model"
    return "rules" if pipeline.llm is None or isinstance(pipeline.llm, RuleLLM) else "model"


class Wish(StrEnum):
    """What a caller wants instead of answering; in words for `CaptureDeclined`."""

    PERSON = "wants a person"
    REFUSES = "does not want to say"
    AGAIN = "wants to hear the question again"
    MOMENT = "needs a moment"


# Said alone; among other words they may be something else.
_ALONE: Mapping[str, Wish] = {
    "agent": Wish.PERSON, "cancel": Wish.REFUSES, "stop": Wish.REFUSES, "what": Wish.AGAIN,
    "sorry": Wish.AGAIN, "huh": Wish.AGAIN, "excuse me": Wish.AGAIN, "wait": Wish.MOMENT,
}  # fmt: skip

# Said anywhere in a turn that holds no answer; the wish that is listed first counts.
_WITHIN: Mapping[Wish, tuple[str, ...]] = {
    Wish.PERSON: (
        "person", "human", "human being", "operator", "representative", "receptionist", "an agent",
        "real agent", "to someone", "with someone", "to somebody", "with somebody",
        "customer service", "put me through", "connect me",
    ),
    Wish.REFUSES: (
        "rather not", "prefer not", "do not want", "don't want", "will not", "won't",
        "not going to", "none of your business", "never mind", "forget it", "skip it", "skip this",
        "skip that", "do not have", "don't have", "haven't got", "do not know", "don't know",
    ),
    Wish.AGAIN: (
        "say that again", "say it again", "repeat", "come again", "once more", "pardon",
        "what did you say", "what was that", "didn't hear", "did not hear", "didn't catch",
        "did not catch", "can't hear you", "cannot hear you", "what was the question",
    ),
    Wish.MOMENT: (
        "hold on", "hang on", "one moment", "one second", "wait a", "just a second",
        "just a moment", "give me a", "let me look", "let me see", "let me check",
    ),
}  # fmt: skip
_WORD = re.compile(r"[a-z']+")


def hear_wish(text: str) -> Wish | None:
    """Hear what a caller wants who has not answered the question; None if that is not clear.

    English.
    """
    words = _WORD.findall(text.lower().replace("\u2019", "'"))
    line = " ".join(word for word in words if word != "please")
    if line in _ALONE:
        return _ALONE[line]
    for wish, phrases in _WITHIN.items():
        if any(f" {phrase} " in f" {line} " for phrase in phrases):
            return wish
    return None
