"""The mind that follows rules, in conversations."""

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import aclosing

import pytest

from hookflash.errors import UsageError
from hookflash.providers.base import TextDelta, ToolCallReady
from hookflash.providers.chat import (
    ChatContext,
    ChatMessage,
    ChatRole,
    ToolCall,
    ToolOutput,
    ToolSchema,
)
from hookflash.providers.rules import Rule, RuleLLM
from hookflash.runtime.clock import now, run

Body = Callable[..., str]


def schema(**properties: object) -> dict[str, object]:
    """An object schema; arguments whose schema has `default` are not required."""
    required = [
        name
        for name, kind in properties.items()
        if not (isinstance(kind, dict) and "default" in kind)
    ]
    return {"type": "object", "properties": properties, "required": required}


HOURS = ToolSchema(
    name="opening_hours",
    description="Tell the caller the opening hours.",
    phrases=("opening hours", "when are you open"),
)
BOOK = ToolSchema(
    name="book_visit",
    description="Book a visit at the clinic. Only once.",
    parameters=schema(
        day={"type": "string", "description": "The day of the visit."},
        kind={"enum": ["cleaning", "check up"], "description": "The kind of the visit."},
        people={"type": "integer", "default": 1},
    ),
    phrases=("book an appointment", "make an appointment"),
)
ORDER = ToolSchema(
    name="order_state",
    description="Find the caller's order.",
    parameters=schema(
        number={"type": "string", "pattern": r"^\d{4}$", "description": "The 4-digit order number."}
    ),
    phrases=("where is my order",),
)
END = ToolSchema(name="end_call", description="End the call.")
TRANSFER = ToolSchema(name="transfer_to_desk", description="Connect the caller to a person.")

ANSWERS: Mapping[str, Body] = {
    "opening_hours": lambda: "We are open from nine to five",
    "book_visit": lambda day, kind, people=1: f"Booked: {kind} on {day} for {people}.",
    "order_state": lambda number: f"Order {number} is on its way.",
    "end_call": lambda: "Done.",
    "transfer_to_desk": lambda: "I am connecting you.",
}


class Talk:
    """A conversation: runs the tools that the mind calls, as a session would."""

    def __init__(
        self,
        *tools: ToolSchema,
        rules: Iterable[Rule] = (),
        answers: Mapping[str, Body] = ANSWERS,
    ) -> None:
        self.mind = RuleLLM(rules)
        self.tools = tools
        self.answers = answers
        self.context = ChatContext()

    def ask(self, tool_choice: str | None = None) -> list[str]:
        """Let the mind answer; return its words and calls in short."""
        return run(self._ask(tool_choice))

    async def _ask(self, tool_choice: str | None) -> list[str]:
        short: list[str] = []
        words = ""
        call: ToolCall | None = None
        async for chunk in self.mind.chat(self.context, tools=self.tools, tool_choice=tool_choice):
            if isinstance(chunk, TextDelta):
                words += chunk.text
            elif isinstance(chunk, ToolCallReady):
                call = chunk.call
        if words:
            self.context.add(ChatMessage(role=ChatRole.ASSISTANT, text=words))
            short.append(words)
        if call is not None:
            self.context.add(call)
            short.append(f"{call.tool} {call.arguments}")
            output = self.answers[call.tool](**json.loads(call.arguments))
            self.context.add(ToolOutput(call_id=call.call_id, tool=call.tool, output=output))
            if not tool_choice:
                short += await self._ask(None)
        return short

    def hears(self, words: str) -> list[str]:
        """The caller says something; return what follows."""
        self.context.add(ChatMessage(role=ChatRole.USER, text=words))
        return self.ask()

    def said(self, words: str, *, interrupted: bool = False) -> None:
        """The agent has said something by itself."""
        message = ChatMessage(role=ChatRole.ASSISTANT, text=words, interrupted=interrupted)
        self.context.add(message)


# Tools by phrases and by words.


@pytest.mark.parametrize(
    "words",
    [
        "opening hours",
        "Hello, what are your opening hours, please?",
        "When are you open",
        "what time do you open?",
        "uh, could you tell me the hours when you're open",
    ],
)
def test_a_phrase_calls_its_tool_and_the_output_is_said(words: str) -> None:
    assert Talk(HOURS, BOOK).hears(words) == ["opening_hours {}", "We are open from nine to five."]


def test_a_tool_without_phrases_is_known_by_the_words_of_its_name_and_description() -> None:
    parking = ToolSchema(name="parking_info", description="Say where one can park a car.")
    talk = Talk(parking, HOURS, answers={"parking_info": lambda: "Behind the house."})
    assert talk.hears("is there any parking") == ["parking_info {}", "Behind the house."]
    assert talk.hears("can I leave my car in a park") == ["parking_info {}", "Behind the house."]
    assert talk.hears("my car is red")[0].startswith("Sorry, I did not understand that.")


def test_words_that_fit_two_tools_alike_are_vague() -> None:
    one = ToolSchema(name="red_car", description="Red.")
    two = ToolSchema(name="blue_car", description="Blue.")
    assert Talk(one, two).hears("a car") == ["Sorry, I did not understand that. I can red or blue."]


def test_the_longest_phrase_wins_and_then_the_earlier_tool() -> None:
    change = ToolSchema(name="change", description="Change.", phrases=("appointment",))
    cancel = ToolSchema(name="cancel", description="Cancel.", phrases=("cancel an appointment",))
    other = ToolSchema(name="other", description="Other.", phrases=("appointment",))
    answers: Mapping[str, Body] = dict.fromkeys(("change", "cancel", "other"), lambda: "ok")
    talk = Talk(change, cancel, other, answers=answers)
    assert talk.hears("cancel my appointment")[0] == "cancel {}"
    assert talk.hears("my appointment")[0] == "change {}"


def test_what_the_caller_says_no_to_is_not_done() -> None:
    talk = Talk(HOURS, BOOK)
    assert talk.hears("I don't want to book an appointment") == [
        "All right. What else can I do for you?"
    ]
    assert talk.hears("not an appointment, the opening hours")[0] == "opening_hours {}"
    assert talk.hears("no, not that. When are you open?")[0] == "opening_hours {}"
    broken = ToolSchema(name="repair", description="Repair.", phrases=("it does not work",))
    assert Talk(broken, answers={"repair": lambda: "ok"}).hears("help, it doesn't work") == [
        "repair {}",
        "ok.",
    ]


# Rules of the program.


def test_a_rule_says_its_answer_and_goes_before_a_tool_of_the_same_phrase() -> None:
    rules = [
        Rule(phrases=("opening hours",), say="Always open."),
        Rule(phrases=("1", "first choice"), call="book_visit", arguments={"kind": "cleaning"}),
        Rule(phrases=("jump",), call="no_such_tool"),
    ]
    talk = Talk(HOURS, BOOK, rules=rules)
    assert talk.hears("opening hours") == ["Always open."]
    assert talk.hears("jump")[0].startswith("Sorry")
    assert talk.hears("Keypad: 1") == ["Please tell me the day of the visit."]
    assert talk.hears("on Monday") == [
        'book_visit {"day": "Monday", "kind": "cleaning"}',
        "Booked: cleaning on Monday for 1.",
    ]


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Rule(phrases=(), say="x"), "needs phrases"),
        (lambda: Rule(phrases="x", say="x"), "as a tuple"),  # type: ignore[arg-type]  # the test
        (lambda: Rule(phrases=("x",)), "either say= or call="),
        (lambda: Rule(phrases=("x",), say="x", call="y"), "either say= or call="),
        (lambda: Rule(phrases=("x",), say="x", arguments={"a": 1}), "only with call="),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(make: Callable[[], Rule], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        make()


# Arguments.


def test_arguments_are_taken_from_the_wish() -> None:
    assert Talk(BOOK).hears("Please book a check-up appointment for two people next Monday") == [
        'book_visit {"day": "next Monday", "kind": "check up", "people": 2}',
        "Booked: check up on next Monday for 2.",
    ]


def test_missing_arguments_are_asked_for_one_after_the_other() -> None:
    talk = Talk(HOURS, BOOK)
    assert talk.hears("book an appointment for 3 people") == [
        "Please tell me the day of the visit."
    ]
    assert talk.hears("tomorrow") == ["Please tell me the kind of the visit: cleaning or check up."]
    assert talk.hears("hm, what?") == [
        "Sorry, I did not get that. Please tell me the kind of the visit: cleaning or check up."
    ]
    assert talk.hears("a cleaning please") == [
        'book_visit {"day": "tomorrow", "kind": "cleaning", "people": 3}',
        "Booked: cleaning on tomorrow for 3.",
    ]


@pytest.mark.parametrize("answer", ["Keypad: 4711", "four seven double one", "it's 47 11."])
def test_digits_may_be_said_or_keyed(answer: str) -> None:
    talk = Talk(ORDER)
    assert talk.hears("where is my order?") == ["Please say or key in the 4-digit order number."]
    assert talk.hears(answer) == ['order_state {"number": "4711"}', "Order 4711 is on its way."]


def test_another_wish_leaves_a_question_and_so_does_a_no() -> None:
    talk = Talk(HOURS, ORDER)
    talk.hears("where is my order?")
    assert talk.hears("what are your opening hours")[0] == "opening_hours {}"
    talk.hears("where is my order?")
    assert talk.hears("no") == ["All right, we leave that. What else can I do for you?"]
    talk.hears("where is my order?")
    assert talk.hears("never mind") == ["All right, we leave that. What else can I do for you?"]
    assert talk.hears("never mind") == ["All right, we leave that. What else can I do for you?"]


def test_it_gives_up_after_three_questions_for_one_value() -> None:
    talk = Talk(ORDER)
    again = "Sorry, I did not get that. Please say or key in the 4-digit order number."
    talk.hears("where is my order?")
    assert [talk.hears("blue")[0] for _ in range(3)] == [
        again,
        again,
        "I am sorry, I did not get it. Let us leave that. What else can I do for you?",
    ]
    assert talk.hears("blue")[0].startswith("Sorry, I did not understand that.")


def test_goodbye_is_no_answer_and_a_text_is_taken_as_it_was_said() -> None:
    note = ToolSchema(
        name="leave_note",
        description="Leave a note.",
        parameters=schema(note={"type": "string"}),
        phrases=("leave a note",),
    )
    talk = Talk(note, answers={"leave_note": lambda note: f"Noted: {note}"})
    assert talk.hears("I'd like to leave a note") == ["Please tell me the note."]
    assert talk.hears("Goodbye") == ["Thank you for calling. Goodbye."]
    talk.hears("leave a note")
    assert talk.hears("say that again") == ["Please tell me the note."]
    assert talk.hears("Ann needs help with her bicycle tomorrow.") == [
        'leave_note {"note": "Ann needs help with her bicycle tomorrow"}',
        "Noted: Ann needs help with her bicycle tomorrow.",
    ]


def test_an_answer_before_the_question_was_over_is_understood() -> None:
    talk = Talk(BOOK)
    talk.context.add(ChatMessage(role=ChatRole.USER, text="book an appointment for a cleaning"))
    talk.said("Please tell me the", interrupted=True)
    assert talk.hears("Friday")[0] == 'book_visit {"day": "Friday", "kind": "cleaning"}'


def test_two_tools_that_ask_the_same_are_told_apart_by_the_wish() -> None:
    day = schema(day={"type": "string", "description": "The day."})
    one = ToolSchema(name="come", description="Come.", parameters=day, phrases=("come by",))
    two = ToolSchema(name="go", description="Go.", parameters=day, phrases=("go away",))
    rule = Rule(phrases=("walk",), call="go")
    answers: Mapping[str, Body] = {"come": lambda day: day, "go": lambda day: day}
    talk = Talk(one, two, rules=[rule], answers=answers)
    talk.hears("I want to go away")
    assert talk.hears("Monday")[0] == 'go {"day": "Monday"}'
    talk.hears("come by")
    assert talk.hears("Tuesday")[0] == 'come {"day": "Tuesday"}'
    talk.hears("walk")
    assert talk.hears("Sunday")[0] == 'go {"day": "Sunday"}'
    lost = Talk(one, two, answers=answers)
    lost.said("Please tell me the day.")
    assert lost.hears("Monday")[0] == 'come {"day": "Monday"}'


def test_yes_or_no_fills_a_truth_value() -> None:
    urgent = ToolSchema(
        name="report",
        description="Report a problem.",
        parameters=schema(urgent={"type": "boolean", "description": "Is it urgent?"}),
        phrases=("report a problem",),
    )
    answers: Mapping[str, Body] = {"report": lambda urgent: f"Urgent: {urgent}"}
    talk = Talk(urgent, answers=answers)
    assert talk.hears("report a problem") == ["Please say yes or no: is it urgent?"]
    assert talk.hears("maybe")[0].startswith("Sorry, I did not get that.")
    assert talk.hears("no, it isn't") == ['report {"urgent": false}', "Urgent: False."]
    assert talk.hears("report a problem, it's urgent")[0] == 'report {"urgent": true}'
    assert talk.hears("report a problem, not urgent")[0] == 'report {"urgent": false}'


# What everybody may say.


def test_greetings_thanks_and_pleasantries() -> None:
    talk = Talk(HOURS)
    assert talk.hears("Good morning!") == ["Hello. How can I help you?"]
    assert talk.hears("how are you?") == ["I am fine, thank you. How can I help you?"]
    assert talk.hears("thanks a lot") == [
        "You are welcome. Is there anything else I can do for you?"
    ]
    assert talk.hears("hold on a second") == ["Of course, take your time."]
    assert talk.hears("hello pizza")[0].startswith("Sorry")


def test_goodbye_ends_the_call_where_there_is_a_tool_for_that() -> None:
    assert Talk(HOURS).hears("okay, that's all, bye") == ["Thank you for calling. Goodbye."]
    for name in ("end_call", "hang_up", "hangup", "finish-call"):
        end = ToolSchema(name=name, description="")
        assert Talk(HOURS, end, answers={name: lambda: "Done."}).hears("goodbye") == [
            "Thank you for calling. Goodbye.",
            f"{name} {{}}",
            "Goodbye.",
        ]


def test_no_to_anything_else_is_goodbye_and_yes_is_not() -> None:
    talk = Talk(HOURS, END)
    talk.hears("thank you")
    assert talk.hears("yes") == ["All right. What else can I do for you?"]
    talk.hears("thank you")
    assert talk.hears("no thank you")[:2] == ["Thank you for calling. Goodbye.", "end_call {}"]


def test_yes_to_its_own_question_is_the_wish_in_it() -> None:
    talk = Talk(HOURS, BOOK)
    talk.said("There is a place for a cleaning on Monday. Shall I book that visit?")
    assert talk.hears("yes please") == [
        'book_visit {"day": "Monday", "kind": "cleaning"}',
        "Booked: cleaning on Monday for 1.",
    ]
    talk.said("Shall I book another visit?")
    assert talk.hears("no thanks, not really") == ["All right. What else can I do for you?"]
    assert talk.hears("yes") == ["All right. What else can I do for you?"]


def test_the_last_words_are_said_again() -> None:
    talk = Talk(HOURS)
    assert talk.hears("pardon?") == ["Hello. How can I help you?"]
    talk.hears("opening hours")
    assert talk.hears("Sorry, could you repeat that?") == ["We are open from nine to five."]


def test_help_lists_what_the_tools_do_but_not_the_end() -> None:
    use = ToolSchema(name="check_stock", description="Use this to see what is there.")
    news = ToolSchema(name="news", description="Tell what is new. At length.")
    rules = [Rule(phrases=("parking", "car park"), say="Behind the house.")]
    assert Talk(HOURS, ORDER, use, news, END, rules=rules).hears("what can you do?") == [
        "I can tell you the opening hours, find your order, check stock, tell you what is new and "
        "tell you about parking. Which would you like?"
    ]
    assert Talk().hears("help") == ["What else can I do for you?"]


def test_a_person_is_fetched_by_a_tool_or_honestly_not_at_all() -> None:
    assert Talk(HOURS, TRANSFER).hears("I want to speak to a human") == [
        "transfer_to_desk {}",
        "I am connecting you.",
    ]
    assert Talk(HOURS).hears("operator") == [
        "I am sorry, there is nobody I could connect you to. I can tell you the opening hours."
    ]
    assert Talk().hears("operator") == ["I am sorry, there is nobody I could connect you to."]


def test_what_it_does_not_understand_it_asks_again_in_other_words() -> None:
    talk = Talk(HOURS, BOOK, ORDER)
    assert [talk.hears("a pizza")[0] for _ in range(3)] == [
        "Sorry, I did not understand that. "
        "I can tell you the opening hours or book a visit at the clinic.",
        "I still did not get that. Would you like me to find your order or tell you the opening "
        "hours?",
        "Sorry, I did not understand that. "
        "I can tell you the opening hours or book a visit at the clinic.",
    ]
    talk = Talk()
    assert [talk.hears(words)[0] for words in ("", "...")] == [
        "Sorry, I did not understand that. Could you put it in other words?",
        "I still did not get that. What else can I do for you?",
    ]


# Asked without words of the caller.


def test_asked_to_speak_first_it_greets_and_later_it_offers_more() -> None:
    talk = Talk(HOURS)
    talk.context.set_instructions("Sing.")
    assert talk.ask() == ["Hello. How can I help you?"]
    assert talk.ask() == ["Is there anything else I can do for you?"]
    assert RuleLLM(greeting="Ahoy.").name == "rules"


def test_the_output_is_said_as_speech_whatever_its_form() -> None:
    def said(output: str, *, is_error: bool = False) -> str:
        talk = Talk(HOURS)
        talk.context.add(ChatMessage(role=ChatRole.USER, text="hours"))
        talk.context.add(ToolCall(call_id="a", tool="opening_hours", arguments="{}"))
        talk.said("One moment.")
        talk.context.add(
            ToolOutput(call_id="a", tool="opening_hours", output=output, is_error=is_error)
        )
        return talk.ask()[0]

    assert said("Nine to five") == "Nine to five."
    assert said('{"opens_at": 9, "days": ["Mon", "Tue"], "late": true, "note": null}') == (
        "opens at: 9, days: Mon, Tue, late: yes, note: nothing."
    )
    assert said("") == "Done."
    assert said("5") == "5."
    assert said("secret detail", is_error=True) == "I am sorry, that did not work."


def test_the_outputs_of_all_newest_calls_are_said() -> None:
    talk = Talk(HOURS)
    talk.context.add(ChatMessage(role=ChatRole.USER, text="hours"))
    for call_id in ("a", "b", "c"):
        talk.context.add(ToolCall(call_id=call_id, tool="opening_hours", arguments="{}"))
    for call_id, output in (("a", "One"), ("b", "no"), ("c", "Three!")):
        is_error = call_id == "b"
        talk.context.add(
            ToolOutput(call_id=call_id, tool="opening_hours", output=output, is_error=is_error)
        )
    assert talk.ask() == ["One. Three! I am sorry, that did not work."]


def test_an_output_whose_call_is_forgotten_is_said_too() -> None:
    talk = Talk(HOURS)
    talk.context = ChatContext([ToolOutput(call_id="a", tool="opening_hours", output="Nine.")])
    assert talk.ask() == ["Nine."]


def test_the_choice_of_tools_is_obeyed() -> None:
    talk = Talk(HOURS, BOOK, END)
    talk.context.add(ChatMessage(role=ChatRole.USER, text="when are you open on Monday"))
    assert talk.ask("none") == ["I am sorry, I cannot do that now. What else can I do for you?"]
    talk.context.add(ChatMessage(role=ChatRole.USER, text="goodbye"))
    assert talk.ask("none") == ["Thank you for calling. Goodbye."]
    assert talk.ask("end_call") == ["Thank you for calling. Goodbye.", "end_call {}"]
    vague = Talk(HOURS, BOOK)
    vague.context.add(ChatMessage(role=ChatRole.USER, text="pizza"))
    assert vague.ask("required") == ["opening_hours {}"]
    with pytest.raises(UsageError, match="names no tool"):
        vague.ask("jump")


def test_call_ids_are_new_in_the_conversation() -> None:
    talk = Talk(HOURS)
    talk.context.add(ToolCall(call_id="rule_2", tool="opening_hours", arguments="{}"))
    talk.hears("opening hours")
    talk.hears("opening hours")
    ids = [item.call_id for item in talk.context.items if isinstance(item, ToolCall)]
    assert ids == ["rule_2", "rule_3", "rule_4"]


def test_schemas_that_make_no_sense_do_no_harm() -> None:
    odd = ToolSchema(
        name="odd",
        description="Odd.",
        parameters={"properties": {"a": None, "b": {"type": "object"}}, "required": ["x", 5]},
        phrases=("odd thing",),
    )
    worse = ToolSchema(name="worse", description="", parameters={"properties": 5, "required": 5})
    talk = Talk(odd, worse, answers={"odd": lambda: "ok"})
    assert talk.hears("odd thing")[0] == "odd {}"
    assert talk.hears("what can you do") == ["I can odd and worse. Which would you like?"]


# The stream.


def test_words_come_one_by_one_at_the_given_pace_and_closing_stops_them() -> None:
    async def main() -> tuple[list[tuple[str, float]], float]:
        mind = RuleLLM(greeting="One two  three.", word_delay=0.5)
        given: list[tuple[str, float]] = []
        async with aclosing(mind.chat(ChatContext())) as answer:
            async for chunk in answer:
                assert isinstance(chunk, TextDelta)
                given.append((chunk.text, now()))
                if len(given) == 2:
                    break
        await asyncio.sleep(0)
        return given, now()

    assert run(main(), virtual=True) == ([("One", 0.5), (" two", 1.0)], 1.0)


def test_nothing_else_than_the_conversation_matters_so_answers_repeat() -> None:
    first = [Talk(HOURS, BOOK).hears("book an appointment") for _ in range(2)]
    assert first == [["Please tell me the day of the visit."]] * 2


def test_a_negative_pace_is_refused() -> None:
    with pytest.raises(UsageError, match="0 seconds or more"):
        RuleLLM(word_delay=-1)
