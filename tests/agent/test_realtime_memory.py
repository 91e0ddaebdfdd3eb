from collections.abc import AsyncIterator, Sequence

from hookflash.agent.history import History
from hookflash.agent.realtime_memory import RealtimeMemory
from hookflash.providers.chat import (
    AgentHandoff,
    ChatItem,
    ChatMessage,
    ChatRole,
    ToolCall,
    ToolOutput,
    ToolSchema,
)
from hookflash.providers.realtime import RealtimeConversation, RealtimeEvent

LOOK = ToolSchema(name="look", description="Look.")


class Model(RealtimeConversation):
    """Keeps a conversation in the order in which it is told."""

    def __init__(self) -> None:
        self.items: list[tuple[str, str]] = []
        self.updates: list[tuple[str, int]] = []

    def makes(self, item_id: str, text: str) -> None:
        self.items.append((item_id, text))

    def add(self, item: ChatItem, *, item_id: str, after: str | None = None) -> None:
        ids = [known for known, _ in self.items]
        assert item_id not in ids
        at = len(ids) if after is None else ids.index(after) + 1 if after else 0
        match item:
            case ChatMessage():
                text = f"{item.role}: {item.text}"
            case ToolCall():
                text = f"call {item.tool}"
            case ToolOutput():
                text = f"output {item.output}"
            case AgentHandoff():
                text = "hand-off"
        self.items.insert(at, (item_id, text))

    def delete(self, item_id: str) -> None:
        ids = [known for known, _ in self.items]
        del self.items[ids.index(item_id)]

    def update(self, *, instructions: str, tools: Sequence[ToolSchema]) -> None:
        self.updates.append((instructions, len(tools)))

    @property
    def texts(self) -> list[str]:
        return [text for _, text in self.items]

    # Not of interest here.

    def push(self, pcm: bytes) -> None: ...
    def commit(self) -> None: ...
    def clear(self) -> None: ...
    def respond(
        self, request: str, *, instructions: str | None = None, tool_choice: str | None = None
    ) -> None: ...
    def cancel(self, request: str) -> None: ...
    def truncate(self, item_id: str, played_ms: float) -> None: ...
    def events(self) -> AsyncIterator[RealtimeEvent]:
        raise NotImplementedError

    async def aclose(self) -> None: ...


class Scene:
    def __init__(self) -> None:
        self.history = History()
        self.history.set_instructions("Be brief.")
        self.tools: list[ToolSchema] = []
        self.model = Model()
        self.memory = RealtimeMemory(self.history, lambda: self.tools)
        self.memory.begin()

    def tell(self) -> list[str]:
        self.memory.tell(self.model)
        return self.model.texts

    def user(self, text: str) -> None:
        self.history.add(ChatMessage(role=ChatRole.USER, text=text))


def test_what_the_model_does_not_know_it_is_told_once() -> None:
    scene = Scene()
    scene.user("Hi.")
    assert scene.tell() == ["user: Hi."]
    scene.user("Hi.")
    assert scene.tell() == ["user: Hi.", "user: Hi."]
    assert scene.tell() == ["user: Hi.", "user: Hi."]
    assert scene.model.updates == []


def test_what_nobody_has_said_is_told_in_its_place_and_is_no_instruction() -> None:
    scene = Scene()
    scene.history.set_instructions("")
    scene.memory.begin()
    place = scene.history.keep_place(lambda: "One moment.", lambda: "One")
    scene.history.note("Nobody was there.")
    scene.user("Well?")
    told = ["assistant: One moment.", "system: Nobody was there.", "user: Well?"]
    assert scene.tell() == told
    scene.history.settle(place, "One moment.", interrupted=False)
    assert scene.tell() == told
    assert scene.memory.instructions == ""
    assert scene.model.updates == []


def test_what_was_born_in_the_model_is_not_told_again() -> None:
    scene = Scene()
    scene.model.makes("m1", "spoken")
    place = scene.history.keep_place(lambda: "Hello there.", lambda: "Hello")
    scene.memory.shares(place, "m1", by_audio=True)
    scene.model.makes("m2", "called")
    scene.memory.shares_call("c1", "m2")
    scene.history.add(ToolCall(call_id="c1", tool="look", arguments="{}"))
    scene.history.add(ToolOutput(call_id="c1", tool="look", output="seen"))
    assert scene.tell() == ["spoken", "called", "output seen"]
    scene.history.settle(place, "Hello", interrupted=True)
    assert scene.tell() == ["spoken", "called", "output seen"]


def test_what_comes_late_takes_its_place() -> None:
    scene = Scene()
    early = scene.history.keep_place(lambda: "", lambda: "")
    scene.model.makes("m1", "heard")
    place = scene.history.keep_place(lambda: "", lambda: "", role=ChatRole.USER)
    scene.memory.shares(place, "m1", by_audio=True)
    assert scene.tell() == ["heard"]
    scene.history.settle(early, "First.", interrupted=False)
    scene.user("Last.")
    assert scene.tell() == ["assistant: First.", "heard", "user: Last."]


def test_words_that_were_told_whole_and_heard_in_part_are_told_anew_in_their_place() -> None:
    scene = Scene()
    scene.user("Before.")
    place = scene.history.keep_place(lambda: "One two three.", lambda: "One")
    scene.user("After.")
    assert scene.tell() == ["user: Before.", "assistant: One two three.", "user: After."]
    scene.history.settle(place, "One two", interrupted=True)
    assert scene.tell() == ["user: Before.", "assistant: One two", "user: After."]


def test_words_that_nobody_heard_are_forgotten() -> None:
    scene = Scene()
    place = scene.history.keep_place(lambda: "One two three.", lambda: "")
    scene.user("After.")
    scene.tell()
    scene.history.settle(place, "", interrupted=True)
    assert scene.tell() == ["user: After."]


def test_words_heard_whole_stay_as_they_were_told() -> None:
    scene = Scene()
    place = scene.history.keep_place(lambda: "One.", lambda: "One.")
    scene.tell()
    before = list(scene.model.items)
    scene.history.settle(place, "One.", interrupted=False)
    scene.tell()
    assert scene.model.items == before


def test_an_agent_that_takes_over_without_the_conversation_leaves_the_model_without_it() -> None:
    scene = Scene()
    scene.user("Hi.")
    scene.model.makes("m1", "called")
    scene.memory.shares_call("c1", "m1")
    scene.history.add(ToolCall(call_id="c1", tool="look", arguments="{}"))
    scene.tell()
    scene.tools = [LOOK]
    scene.history.hand_off(AgentHandoff(old="A", new="B"), "Sell.", carry=False)
    assert scene.tell() == []
    assert scene.model.updates == [("Sell.", 1)]
    assert scene.memory.instructions == "Sell."


def test_a_call_that_was_never_carried_out_is_forgotten() -> None:
    scene = Scene()
    scene.model.makes("m1", "called")
    scene.memory.shares_call("c1", "m1")
    assert scene.tell() == []


def test_a_fresh_conversation_is_told_everything() -> None:
    scene = Scene()
    scene.model.makes("m1", "spoken")
    place = scene.history.keep_place(lambda: "Hello.", lambda: "Hello.")
    scene.memory.shares(place, "m1", by_audio=True)
    scene.history.settle(place, "Hello.", interrupted=False)
    scene.user("Hi.")
    scene.tell()
    scene.model = Model()
    assert scene.memory.begin() == ("Be brief.", ())
    assert scene.tell() == ["assistant: Hello.", "user: Hi."]


def test_several_items_of_one_message_are_told_anew_as_one() -> None:
    scene = Scene()
    scene.model.makes("m1", "One.")
    scene.model.makes("m2", "Two.")
    place = scene.history.keep_place(lambda: "One. Two.", lambda: "")
    scene.memory.shares(place, "m1", by_audio=False)
    scene.memory.forget(scene.model, place, ["m1", "m2"])
    assert scene.tell() == ["assistant: One. Two."]
