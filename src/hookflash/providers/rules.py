"""A mind that needs no model: it follows rules. What it can do, and what not, is in
`docs/reference/rule-driven-mind.md`.
"""  # noqa: D205

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TypeAlias, cast

import msgspec

from hookflash.errors import UsageError
from hookflash.providers.base import LLM, LlmChunk, TextDelta, ToolCallReady
from hookflash.providers.chat import (
    ChatContext,
    ChatMessage,
    ChatRole,
    ToolCall,
    ToolOutput,
    ToolSchema,
)
from hookflash.providers.understanding import (
    Utterance,
    best_match,
    best_overlap,
    value_for,
    wants_digits,
    yes_or_no,
)

__all__ = ["Rule", "RuleLLM"]

_NOTHING: Mapping[str, object] = MappingProxyType({})


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """What to do when the caller says one of some phrases.

    Attributes:
        phrases: what the caller says; it may stand anywhere in what they say.
        say: the answer, or
        call: the tool to call; the rule counts only where that tool is offered.
        arguments: for the tool. Those that it needs besides are found in the caller's words, or
            asked for.

    Raises:
        UsageError: there are no phrases, not exactly one of `say` and `call`, or arguments
            without `call`.
    """

    phrases: tuple[str, ...]
    say: str = ""
    call: str = ""
    arguments: Mapping[str, object] = msgspec.field(default_factory=lambda: _NOTHING)

    def __post_init__(self) -> None:
        if not self.phrases or isinstance(cast("object", self.phrases), str):
            msg = "a Rule needs phrases, as a tuple: phrases=('parking', 'where can I park')"
            raise UsageError(msg)
        if bool(self.say) == bool(self.call) or (self.arguments and not self.call):
            msg = "a Rule has either say= or call=, and arguments= only with call="
            raise UsageError(msg)


class _Say(msgspec.Struct, frozen=True):
    text: str


class _Call(msgspec.Struct, frozen=True):
    tool: ToolSchema
    arguments: Mapping[str, object]
    text: str = ""


_Answer: TypeAlias = _Say | _Call


class RuleLLM(LLM):
    """Answers by rules instead of a language model: always the same, at once, with no network.

    It matches what the caller says with the phrases of rules and tools, calls the tool with what
    it finds in the words (and asks for what is missing), and says what the tool returned. It
    knows greetings, thanks, goodbye, "say that again", "help", "a person, please", yes and no.
    It does not read instructions, and remembers nothing but the conversation. English only.

    Args:
        rules: your own phrases; they go before the tools' where both match as well.
        greeting: said when it is asked to speak first.
        word_delay: seconds before each word, to imitate a model's pace.

    Raises:
        UsageError: `word_delay` is below 0.
    """

    name = "rules"
    reads_instructions = False

    def __init__(
        self,
        rules: Iterable[Rule] = (),
        *,
        greeting: str = "Hello. How can I help you?",
        word_delay: float = 0.0,
    ) -> None:
        if word_delay < 0:
            msg = "word_delay must be 0 seconds or more"
            raise UsageError(msg)
        self._rules = tuple(rules)
        self._greeting = greeting
        self._word_delay = word_delay

    async def chat(
        self,
        context: ChatContext,
        *,
        tools: Sequence[ToolSchema] = (),
        tool_choice: str | None = None,
    ) -> AsyncGenerator[LlmChunk, None]:
        """Answer the conversation, word by word. See `LLM.chat`.

        Raises:
            UsageError: `tool_choice` names no tool.
        """
        mind = _Mind(context, tools, self._rules, self._greeting)
        answer = mind.answer(tool_choice)
        for word in re.findall(r"\s*\S+", answer.text):
            await asyncio.sleep(self._word_delay)
            yield TextDelta(text=word)
        if isinstance(answer, _Call):
            arguments = json.dumps(dict(answer.arguments))
            call_id = _fresh_id(context)
            yield ToolCallReady(
                call=ToolCall(call_id=call_id, tool=answer.tool.name, arguments=arguments)
            )


def _fresh_id(context: ChatContext) -> str:
    used = {item.call_id for item in context.items if isinstance(item, ToolCall)}
    number = len(used) + 1
    while f"rule_{number}" in used:
        number += 1
    return f"rule_{number}"


# What everybody may say.

_REPEAT = (
    "say that again", "say it again", "repeat that", "repeat it", "repeat please", "repeat",
    "come again", "what did you say", "once more", "pardon", "i did not hear", "can not hear you",
)  # fmt: skip
_WAIT = ("hold on", "wait a moment", "one moment", "just a second", "give me a minute", "wait")
_HELP = ("help", "what can you do", "what can i say", "options", "what are my options")
_PERSON = (
    "speak to a person", "speak to someone", "real person", "person", "speak with somebody",
    "connect me", "put me through",
)  # fmt: skip
_BYE = (
    "goodbye", "bye", "hang up", "that is all", "that was all", "nothing else", "no more questions",
    "have a nice day", "see you", "end the call",
)  # fmt: skip
_THANKS = ("thank you", "thanks", "cheers", "many thanks")
_HELLO = ("hello", "hi", "hey", "good morning", "good afternoon", "good evening")
_HOW = ("how are you", "how do you do")
_LEAVE = ("never mind", "forget it", "forget about it", "cancel that", "leave it", "stop")

_SORRY = "Sorry, I did not understand that."
_AGAIN = "I still did not get that."
_GOODBYE = "Thank you for calling. Goodbye."
_ELSE = "What else can I do for you?"
_ANYTHING = "Is there anything else I can do for you?"
# After so many questions for one value it gives up.
_ASKS = 3


class _Pending(msgspec.Struct, frozen=True):
    """A value that the agent has asked for.

    Attributes:
        tool: for which tool.
        argument: which one.
        said: the caller's words since the wish, oldest first, without the newest.
        asked_for: for each of them but the first, the argument it answered.
        asks: how often the agent has asked for it in a row.
    """

    tool: ToolSchema
    argument: str
    said: tuple[str, ...]
    asked_for: tuple[str, ...]
    asks: int


class _Mind:
    """One decision, from one conversation."""

    def __init__(
        self,
        context: ChatContext,
        tools: Sequence[ToolSchema],
        rules: Sequence[Rule],
        greeting: str,
    ) -> None:
        self._context = context
        self._tools = {tool.name: tool for tool in tools}
        self._rules = [rule for rule in rules if not rule.call or rule.call in self._tools]
        self._greeting = greeting

    def answer(self, tool_choice: str | None) -> _Answer:
        items = self._context.items
        last = items[-1] if items else None
        if tool_choice in self._tools:
            return self._call(self._tools[tool_choice], self._newest(), ask=False)
        if tool_choice not in {None, "auto", "none", "required"}:
            msg = f"tool_choice names no tool of this request: {tool_choice!r}"
            raise UsageError(msg)
        if isinstance(last, ToolOutput):
            answer: _Answer = _Say(self._after_tools())
        elif isinstance(last, ChatMessage) and last.role is ChatRole.USER:
            answer = self._reply(_heard(last.text))
        elif self._context.last_assistant_text():
            answer = _Say(_ANYTHING)
        else:
            answer = _Say(self._greeting)
        if tool_choice == "none" and isinstance(answer, _Call):
            return _Say(answer.text or f"I am sorry, I cannot do that now. {_ELSE}")
        if tool_choice == "required" and isinstance(answer, _Say) and self._tools:
            tool = self._guess(self._newest()) or next(iter(self._tools.values()))
            return self._call(tool, self._newest(), ask=False)
        return answer

    def _newest(self) -> Utterance:
        return _heard(self._context.last_user_text())

    # After tools.

    def _after_tools(self) -> str:
        """Say what the newest tools returned."""
        outputs: list[ToolOutput] = []
        for item in reversed(self._context.items):
            if isinstance(item, ToolOutput):
                outputs.insert(0, item)
            elif not isinstance(item, ChatMessage) or item.role is not ChatRole.ASSISTANT:
                break
        good = [output for output in outputs if not output.is_error]
        said = [_sentence(_speakable(output.output)) for output in good]
        if good and all(_ends_call(output.tool) for output in good):
            return "Goodbye."
        if len(good) < len(outputs):
            said.append("I am sorry, that did not work.")
        return " ".join(filter(None, said)) or "Done."

    # The caller's words.

    def _reply(self, heard: Utterance) -> _Answer:
        pending = self._pending()
        if pending is not None:
            answer = self._continue(pending, heard)
            if answer is not None:
                return answer
        wish = self._wish(heard)
        if wish is not None:
            return self._grant(wish, heard)
        return (
            self._known(heard)
            or self._guessed(heard)
            or self._small_talk(heard)
            or _Say(self._not_understood())
        )

    def _wish(self, heard: Utterance) -> Rule | ToolSchema | None:
        """Return the rule or tool whose phrase the caller said."""
        everything: list[Rule | ToolSchema] = [*self._rules, *self._tools.values()]
        return best_match(heard, ((one, one.phrases) for one in everything))

    def _grant(self, wish: Rule | ToolSchema, heard: Utterance) -> _Answer:
        if isinstance(wish, ToolSchema):
            return self._call(wish, heard)
        if wish.say:
            return _Say(wish.say)
        return self._call(self._tools[wish.call], heard, given=wish.arguments)

    def _guess(self, heard: Utterance) -> ToolSchema | None:
        return best_overlap(
            heard, ((tool, tool.name, _first_sentence(tool)) for tool in self._tools.values())
        )

    def _guessed(self, heard: Utterance) -> _Answer | None:
        tool = self._guess(heard)
        return None if tool is None else self._call(tool, heard)

    def _known(self, heard: Utterance) -> _Answer | None:
        """Answer what every caller may say at any time."""
        builtin = best_match(
            heard,
            (("bye", _BYE), ("repeat", _REPEAT), ("person", _PERSON), ("help", _HELP),
             ("wait", _WAIT), ("leave", _LEAVE)),
            loosely_from=2,
        )  # fmt: skip
        match builtin:
            case "bye":
                return self._goodbye(heard)
            case "repeat":
                return _Say(self._context.last_assistant_text() or self._greeting)
            case "person":
                return self._person(heard)
            case "help":
                offers = _listed(self._abilities(), "and")
                return _Say(f"I can {offers}. Which would you like?" if offers else _ELSE)
            case "wait":
                return _Say("Of course, take your time.")
            case "leave":
                return _Say(f"All right, we leave that. {_ELSE}")
            case _:
                return None

    def _small_talk(self, heard: Utterance) -> _Answer | None:
        """Answer pleasantries, yes and no, if the caller said little else."""
        if _is_only(heard, _HOW):
            return _Say("I am fine, thank you. How can I help you?")
        if _is_only(heard, _THANKS):
            return _Say(f"You are welcome. {_ANYTHING}")
        if _is_only(heard, _HELLO):
            return _Say(self._greeting)
        before = self._context.last_assistant_text()
        question = _last_question(before)
        match yes_or_no(heard):
            case True:
                # Yes to "Shall I book a visit?" is the wish to book one.
                asked = Utterance(question)
                wish = self._wish(asked) or self._guess(asked)
                if wish is None:
                    return _Say(f"All right. {_ELSE}")
                return self._grant(wish, Utterance(before))
            case False if "anything else" in question:
                return self._goodbye(heard)
            case False:
                return _Say(f"All right. {_ELSE}")
            case _:
                return None

    def _goodbye(self, heard: Utterance) -> _Answer:
        for tool in self._tools.values():
            if _ends_call(tool.name):
                return self._call(tool, heard, ask=False)
        return _Say(_GOODBYE)

    def _person(self, heard: Utterance) -> _Answer:
        for tool in self._tools.values():
            if _brings_person(tool):
                return self._call(tool, heard)
        offers = _listed(self._abilities()[:2], "or")
        more = f" I can {offers}." if offers else ""
        return _Say(f"I am sorry, there is nobody I could connect you to.{more}")

    def _not_understood(self) -> str:
        """Ask again, in other words each time, and name two things that can be done."""
        before = self._context.last_assistant_text()
        again = before.startswith(_SORRY)
        abilities = self._abilities()
        # The second time two other things, if there are as many.
        shown = (abilities[2:] + abilities[:2] if again else abilities)[:2]
        offers = _listed(shown, "or")
        if again:
            return f"{_AGAIN} {f'Would you like me to {offers}?' if offers else _ELSE}"
        return f"{_SORRY} {f'I can {offers}.' if offers else 'Could you put it in other words?'}"

    def _abilities(self) -> list[str]:
        """Return what it can do, as words that follow "I can"."""
        tools = [_ability(tool) for tool in self._tools.values() if not _ends_call(tool.name)]
        return tools + [f"tell you about {rule.phrases[0]}" for rule in self._rules if rule.say]

    # Calls and what they need.

    def _call(
        self,
        tool: ToolSchema,
        heard: Utterance,
        *,
        given: Mapping[str, object] = _NOTHING,
        ask: bool = True,
    ) -> _Answer:
        arguments = {**_found(tool, heard), **given}
        arguments = {name: arguments[name] for name in _properties(tool) if name in arguments} | {
            name: value for name, value in given.items() if name not in _properties(tool)
        }
        missing = next((name for name in _required(tool) if name not in arguments), None)
        if missing is not None and ask:
            return _Say(_question(tool, missing))
        return _Call(tool, arguments, _GOODBYE if _ends_call(tool.name) else "")

    def _pending(self) -> _Pending | None:
        """Find out whether the agent's last words asked for a value."""
        turns = list(_turns(self._context))
        found = [self._history_of(tool, name, turns) for tool, name in self._asked(turns[0][0])]
        # Two tools may ask the same; the caller's wish tells which one did.
        meant = (one for one in found if one.said and self._tool_of(one.said[0]) is one.tool)
        return next(meant, found[0] if found else None)

    def _history_of(
        self, tool: ToolSchema, argument: str, turns: Sequence[tuple[ChatMessage, str]]
    ) -> _Pending:
        """Go back from a question to the wish that led to it."""
        said: list[str] = []
        asked_for: list[str] = []
        asks = 1
        for agent, caller in turns[1:]:
            said.insert(0, caller)
            earlier = next((name for other, name in self._asked(agent) if other is tool), None)
            if earlier is None:
                break
            if asks == len(said) and earlier == argument:
                asks += 1
            asked_for.insert(0, earlier)
        return _Pending(tool, argument, tuple(said), tuple(asked_for), asks)

    def _tool_of(self, said: str) -> ToolSchema | None:
        """Return the tool that these words of the caller lead to."""
        heard = _heard(said)
        wish = self._wish(heard) or self._guess(heard)
        return self._tools.get(wish.call) if isinstance(wish, Rule) else wish

    def _asked(self, agent: ChatMessage) -> list[tuple[ToolSchema, str]]:
        """Return for which tools and arguments these words of the agent ask."""
        words = Utterance(agent.text).words
        found: list[tuple[ToolSchema, str]] = []
        for tool in self._tools.values():
            for argument in _required(tool):
                question = Utterance(_question(tool, argument)).words
                # The caller may answer before the question is over.
                begun = agent.interrupted and len(words) > 3 and question[: len(words)] == words
                if begun or words[-len(question) :] == question:
                    found.append((tool, argument))
        return found

    def _continue(self, pending: _Pending, heard: Utterance) -> _Answer | None:
        """Take what was said as the answer to the question, if it is one."""
        tool, argument = pending.tool, pending.argument
        wish = self._wish(heard)
        if wish is not None and wish is not tool:
            return None
        value = value_for(argument, _properties(tool)[argument], heard, asked=True)
        # A text may be whatever was said; but "goodbye" is no name, and "no" no reason.
        if value is None or (value == heard.text.strip(" .!?,;:") and len(heard.content) < 3):
            if (answer := self._known(heard)) is not None:
                return answer
            if yes_or_no(heard) is False:
                return _Say(f"All right, we leave that. {_ELSE}")
        if value is not None:
            besides = {k: v for k, v in _found(tool, heard).items() if str(v) != str(value)}
            given = {**besides, **self._given_before(pending), argument: value}
            return self._call(tool, Utterance(""), given=given)
        if pending.asks >= _ASKS:
            return _Say(f"I am sorry, I did not get it. Let us leave that. {_ELSE}")
        return _Say(f"Sorry, I did not get that. {_question(tool, argument)}")

    def _given_before(self, pending: _Pending) -> dict[str, object]:
        """Collect the values that the caller gave with the wish and in answer to questions."""
        given: dict[str, object] = {}
        if pending.said:
            first = _heard(pending.said[0])
            wish = self._wish(first)
            given = _found(pending.tool, first)
            given |= wish.arguments if isinstance(wish, Rule) else {}
        for argument, answer in zip(pending.asked_for, pending.said[1:], strict=False):
            schema = _properties(pending.tool)[argument]
            value = value_for(argument, schema, _heard(answer), asked=True)
            if value is not None:
                given[argument] = value
        return given


def _heard(text: str) -> Utterance:
    """Read the caller's words; a number keyed in stands behind `Keypad:`."""
    return Utterance(re.sub(r"^\s*keypad:\s*", "", text, flags=re.IGNORECASE))


def _is_only(heard: Utterance, phrases: Iterable[str]) -> bool:
    """Return whether the caller said one of these phrases and nothing else of weight."""
    known = [Utterance(phrase) for phrase in phrases]
    return any(
        heard.match(phrase) is not None and set(heard.content) <= set(phrase.content)
        for phrase in known
    )


def _turns(context: ChatContext) -> Iterator[tuple[ChatMessage, str]]:
    """Give pairs of the agent's words and the caller's answer to them, newest first.

    The words before the caller's first come with an empty message.
    """
    said: list[str] = []
    silence = ChatMessage(role=ChatRole.ASSISTANT, text="")
    for message in reversed(context.messages):
        if message.role is ChatRole.USER:
            said.insert(0, message.text)
        elif message.role is ChatRole.ASSISTANT and said:
            yield message, " ".join(said)
            said = []
    if said:
        yield silence, " ".join(said)


# Tools, as far as their schema tells.


def _properties(tool: ToolSchema) -> Mapping[str, Mapping[str, object]]:
    properties = tool.parameters.get("properties")
    if not isinstance(properties, dict):
        return {}
    named = cast("dict[str, object]", properties)
    return {
        name: cast("Mapping[str, object]", schema) if isinstance(schema, dict) else {}
        for name, schema in named.items()
    }


def _required(tool: ToolSchema) -> list[str]:
    names = tool.parameters.get("required")
    known = _properties(tool)
    listed = cast("list[object]", names) if isinstance(names, list) else []
    return [name for name in listed if isinstance(name, str) and name in known]


def _found(tool: ToolSchema, heard: Utterance) -> dict[str, object]:
    """Return the arguments that stand in the caller's words, unless those are a bare number."""
    if all(word.isdecimal() for word in heard.words):
        return {}
    values = {
        name: value_for(name, schema, heard, asked=False)
        for name, schema in _properties(tool).items()
    }
    return {name: value for name, value in values.items() if value is not None}


def _question(tool: ToolSchema, argument: str) -> str:
    """Ask for an argument. The words also tell the session what kind of answer to expect."""
    schema = _properties(tool)[argument]
    described = _noun_phrase(str(schema.get("description", "")))
    what = described or f"the {argument.replace('_', ' ')}"
    if schema.get("type") == "boolean":
        return f"Please say yes or no: {what}?"
    if wants_digits(argument, schema):
        return f"Please say or key in {what}."
    choices = schema.get("enum")
    if isinstance(choices, list):
        named = [str(choice).replace("_", " ") for choice in cast("list[object]", choices)]
        return f"Please tell me {what}: {_listed(named, 'or')}."
    return f"Please tell me {what}."


def _noun_phrase(description: str) -> str:
    """Return a description's first sentence as it stands in "Please tell me ..."."""
    first = _addressed(re.split(r"[.;,:]\s|[.;,:]$|\s\(|\n", description.strip(), maxsplit=1)[0])
    return _lower_first(first.rstrip("?!. ")) if len(first) <= 60 else ""


def _first_sentence(tool: ToolSchema) -> str:
    return re.split(r"\.\s|\.$|\n", tool.description.strip(), maxsplit=1)[0]


def _ability(tool: ToolSchema) -> str:
    """Return what a tool does as words that follow "I can", said to the caller."""
    first = _first_sentence(tool)
    if not first or len(first) > 80 or first.lower().startswith(("use this", "call this")):
        first = tool.name.replace("_", " ").replace("-", " ")
    told = _lower_first(_addressed(first))
    return re.sub(r"^tell (?!you\b)", "tell you ", told)


def _addressed(text: str) -> str:
    """Turn words about the caller into words to the caller."""
    text = re.sub(r"\b(?:the|a) (?:caller|user|customer)['\u2019]s\b", "your", text, flags=re.I)
    return re.sub(r"\b(?:the|a) (?:caller|user|customer)\b", "you", text, flags=re.I)


def _lower_first(text: str) -> str:
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def _ends_call(name: str) -> bool:
    words = set(Utterance(name.replace("_", " ")).meant)
    return (
        bool(words & {"hangup", "bye"})
        or words >= {"hang", "up"}
        or ("call" in words and bool(words & {"end", "finish", "terminat"}))
    )


def _brings_person(tool: ToolSchema) -> bool:
    words = set(Utterance(f"{tool.name.replace('_', ' ')} {_first_sentence(tool)}").meant)
    return bool(words & {"transfer", "person", "escalat", "handoff", "supervisor"})


# Wording.


def _listed(parts: Sequence[str], last: str) -> str:
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} {last} {parts[-1]}"


def _last_question(text: str) -> str:
    """Return the last sentence if it is a question."""
    sentences = re.split(r"(?<=[.!?])\s+", text.strip())
    return sentences[-1] if sentences[-1].endswith("?") else ""


def _sentence(text: str) -> str:
    text = text.strip()
    return text if not text or text[-1] in ".!?\u2026" else f"{text}."


def _speakable(output: str) -> str:
    """Return a tool's text; of JSON the values with their names."""
    try:
        value: object = json.loads(output)
    except (ValueError, RecursionError):
        return output
    return _told(value)


def _told(value: object) -> str:
    match value:
        case dict():
            fields = cast("dict[str, object]", value)
            return ", ".join(f"{name.replace('_', ' ')}: {_told(v)}" for name, v in fields.items())
        case list():
            return ", ".join(map(_told, cast("list[object]", value)))
        case None:
            return "nothing"
        case bool():
            return "yes" if value else "no"
        case _:
            return str(value)
