"""What a supervisor is told of a conversation."""

import asyncio

import pytest

from hookflash.agent.briefing import briefing_words, screening_words
from hookflash.agent.transfer_summary import (
    SUMMARY_PROMPT,
    extract_summary,
    spoken_lines,
    sum_up,
)
from hookflash.calls.transfer_types import PhoneDestination, WarmTransferConfig
from hookflash.providers.chat import ChatMessage, ChatRole
from hookflash.testing import ScriptedLLM

ANN = PhoneDestination("+14155550100")


def caller(text: str) -> ChatMessage:
    return ChatMessage(role=ChatRole.USER, text=text)


def agent(text: str) -> ChatMessage:
    return ChatMessage(role=ChatRole.ASSISTANT, text=text)


def test_only_what_was_said_and_heard_is_passed_on() -> None:
    system = ChatMessage(role=ChatRole.SYSTEM, text="You are a clerk.")
    assert spoken_lines([system, caller("Hi."), agent("Yes?"), agent(" ")]) == [
        "Caller: Hi.",
        "Agent: Yes?",
    ]


@pytest.mark.parametrize(
    ("said", "summary"),
    [
        ([], "The caller has not said what it is about."),
        ([agent("Hello?")], "The caller has not said what it is about."),
        ([caller("My bill is wrong.")], 'The caller began with: "My bill is wrong."'),
        (
            [caller("My bill is wrong."), agent("How?"), caller("Twice\n the sum. ")],
            'The caller began with: "My bill is wrong." And said last: "Twice the sum."',
        ),
        ([caller("word " * 60)], f'The caller began with: "{"word " * 32}..."'),
    ],
)
def test_without_a_model_the_callers_first_and_last_words_are_the_summary(
    said: list[ChatMessage], summary: str
) -> None:
    assert extract_summary(said) == summary


def test_a_model_is_shown_the_lines_and_our_instructions_or_others() -> None:
    async def main() -> None:
        llm = ScriptedLLM(["  They want a refund. ", "x" * 3000])
        said = [caller("I want a refund.")]
        assert await sum_up(llm, said, None) == "They want a refund."
        assert len(await sum_up(llm, said, "Be long.")) == 2000
        shown = [[message.text for message in request.messages] for request in llm.requests]
        assert shown == [
            [SUMMARY_PROMPT, "Caller: I want a refund."],
            ["Be long.", "Caller: I want a refund."],
        ]
        assert await sum_up(llm, [agent(" ")], None) == ""
        assert len(llm.requests) == 2

    asyncio.run(main())


def test_a_supervisor_is_asked_by_voice_and_key_or_by_key_alone() -> None:
    both = WarmTransferConfig(ANN)
    assert screening_words(both) == "To hear what it is about, press 1, or say hello."
    assert briefing_words("It is the bill.", both) == (
        "It is the bill. To take the call, say yes, or press 1. To decline, say no, or press 2."
    )
    key = WarmTransferConfig(ANN, accept="key", accept_key="5", decline_key="")
    assert screening_words(key) == "To hear what it is about, press 5."
    assert briefing_words("It is the bill.", key) == "It is the bill. To take the call, press 5."
    voice = WarmTransferConfig(ANN, accept_key="", decline_key="")
    assert screening_words(voice) == "To hear what it is about, say hello."
    assert briefing_words("", voice) == "To take the call, say yes. To decline, say no."
