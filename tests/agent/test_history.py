import pytest
from tests.agent.stage import short

from hookflash.agent.history import History
from hookflash.errors import UsageError
from hookflash.providers.chat import (
    ChatContext,
    ChatMessage,
    ChatRole,
    ToolCall,
    ToolOutput,
)


def test_words_being_said_keep_their_place() -> None:
    history = History()
    history.set_instructions("Be brief.")
    heard = ""
    place = history.keep_place(lambda: "one two three", lambda: heard)
    history.add(ToolCall(call_id="1", tool="look", arguments="{}"))
    assert [short(item) for item in history.as_heard().items] == [
        "system: Be brief.",
        "call look({})",
    ]
    heard = "one"
    assert [short(item) for item in history.as_heard().items][1] == "assistant: one"
    asked = history.for_model("Now.")
    assert asked.instructions == "Be brief.\n\nNow."
    assert asked.last_assistant_text() == "one two three"
    history.settle(place, "one two", interrupted=True)
    assert [short(item) for item in history.as_heard().items][1] == "assistant: one two [cut]"


def test_a_note_is_for_models_alone_in_its_place() -> None:
    history = History()
    history.set_instructions("Be brief.")
    history.add(ChatMessage(role=ChatRole.USER, text="A person, please."))
    history.note("Nobody was there.")
    history.add(ChatMessage(role=ChatRole.USER, text="Well?"))
    heard = ["system: Be brief.", "user: A person, please.", "user: Well?"]
    assert [short(item) for item in history.as_heard().items] == heard
    shown = [*heard[:2], "system: Nobody was there.", heard[2]]
    assert [short(item) for item in history.for_model().items] == shown
    assert history.for_model("Now.").instructions == "Be brief.\n\nNow."


def test_a_note_made_while_a_task_has_the_line_is_shown_after_it_unless_that_is_summed_up() -> None:
    history = History()
    history.enter("Ask.", carry=False, keeps_calls=False)
    history.note("Nobody was there.")
    history.leave()
    assert [short(item) for item in history.for_model().items] == ["system: Nobody was there."]
    history.enter("Ask.", carry=False, keeps_calls=False)
    history.note("Nor then.")
    history.sum_up("We asked.")
    history.leave()
    assert [short(item) for item in history.for_model().items] == [
        "system: Nobody was there.",
        "assistant: We asked.",
    ]


def test_what_nobody_heard_leaves_no_trace() -> None:
    history = History()
    place = history.keep_place(lambda: "one", lambda: "")
    history.settle(place, "", interrupted=True)
    assert history.as_heard().items == ()
    assert history.for_model().items == ()


def test_open_calls_are_those_without_an_output() -> None:
    history = History()
    first, second = (ToolCall(call_id=i, tool="look", arguments="{}") for i in "12")
    history.add(first)
    history.add(second)
    history.add(ToolOutput(call_id="1", tool="look", output="ok"))
    assert history.open_calls() == (second,)


def test_a_context_refuses_outputs_that_answer_nothing_or_twice() -> None:
    context = ChatContext()
    output = ToolOutput(call_id="1", tool="look", output="ok")
    with pytest.raises(UsageError, match="has no call"):
        context.add(output)
    context.add(ToolCall(call_id="1", tool="look", arguments="{}"))
    assert len(context.unanswered_calls()) == 1
    context.add(output)
    with pytest.raises(UsageError, match="already has its output"):
        context.add(output)
    assert context.unanswered_calls() == ()


def test_a_context_has_one_system_message_and_it_stands_first() -> None:
    context = ChatContext([ChatMessage(role=ChatRole.USER, text="hi")])
    assert context.instructions == ""
    context.set_instructions("A")
    context.set_instructions("B")
    assert [short(item) for item in context.items] == ["system: B", "user: hi"]
    assert context.last_user_text() == "hi"
    assert context.last_assistant_text() == ""
    fork = context.fork("C")
    assert fork.instructions == "B\n\nC"
    assert context.instructions == "B"
    assert len(context.messages) == len(context) == 2
    assert ChatContext().fork("only").instructions == "only"
    assert ChatContext().last_user_text() == ""
