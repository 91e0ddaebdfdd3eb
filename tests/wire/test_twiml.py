"""TwiML side by side with Twilio's own SDK, and what is refused or warned about."""

import dataclasses
import inspect
import types
import xml.etree.ElementTree as ET
from typing import Any, Literal, TypeAlias, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twilio.twiml import (
    voice_response as sdk,
)

from hookflash.errors import ProtocolError, UsageError
from hookflash.wire.twiml import (
    MAX_DOCUMENT_BYTES,
    MAX_SAY_CHARACTERS,
    Client,
    Conference,
    Connect,
    Dial,
    DialNoun,
    Document,
    Enqueue,
    Gather,
    Hangup,
    Leave,
    Number,
    Parameter,
    Pause,
    Play,
    Prompt,
    Queue,
    Record,
    Redirect,
    Refer,
    Reject,
    Response,
    Say,
    Sip,
    Start,
    Stop,
    Stream,
    TwimlWarning,
    Verb,
    parse,
    render,
)

Tree: TypeAlias = tuple[str, dict[str, str], str, "list[Tree]"]


def tree(xml: str) -> Tree:
    """What a document says, however it is spelled."""

    def of(element: ET.Element) -> Tree:
        return (element.tag, element.attrib, element.text or "", [of(one) for one in element])

    return of(ET.fromstring(xml))


# Any document that we can write. Attributes are drawn from the types of the fields; the ranges
# stand here once more, from Twilio's pages.

RANGES = {
    "machine_detection_timeout": (3, 60),
    "machine_detection_speech_threshold": (1000, 6000),
    "machine_detection_speech_end_threshold": (500, 5000),
    "machine_detection_silence_timeout": (2000, 10_000),
    "max_participants": (2, 250),
    "max_queue_size": (1, 5000),
    "loop": (0, 1000),
    "length": (1, 14_400),
    "max_length": (1, 14_400),
    "max_speech_time": (1, 60),
    "num_digits": (1, 100),
    "speech_timeout": (1, 100),
    "time_limit": (1, 14_400),
    "timeout": (5, 600),
}
KEYS = {
    "digits": "0123456789ABCD*#wW",
    "send_digits": "0123456789ABCD*#wW",
    "finish_on_key": "0123456789*#",
}

characters = st.characters(
    codec="utf-8", exclude_categories=["Cc"], exclude_characters="\ufffe\uffff"
) | st.sampled_from("&<>\"'\t\n")
texts = st.text(characters, max_size=20)
# Content loses the blanks at its ends.
words = texts.map(str.strip)
names = words.filter(bool)


def of_type(name: str, kind: Any) -> st.SearchStrategy[Any]:
    if name in KEYS:
        return st.text(KEYS[name], min_size=1, max_size=12)
    if kind is bool:
        return st.booleans()
    if kind is int:
        return st.integers(*RANGES[name])
    if kind is str:
        return texts
    if get_origin(kind) is Literal:
        return st.sampled_from(get_args(kind))
    if get_origin(kind) is tuple:
        inner = get_args(kind)[0]
        return st.lists(of_type(name, inner), max_size=3).map(tuple)
    assert get_origin(kind) in {Union, types.UnionType}
    return st.one_of(*(of_type(name, one) for one in get_args(kind) if one is not type(None)))


def any_of(cls: type[Any], *positional: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Any value of a class; strategies for what is not an attribute come by position."""
    types_of = get_type_hints(cls)
    options = {
        field.name: of_type(field.name, types_of[field.name])
        for field in dataclasses.fields(cls)
        if field.kw_only and field.name != "parameters"
    }
    return st.builds(
        lambda content, keywords: cls(*content, **keywords),
        st.tuples(*positional),
        st.fixed_dictionaries({}, optional=options),
    )


parameters = st.lists(st.builds(Parameter, names, texts), max_size=3).map(tuple)
streams = st.builds(
    lambda stream, inside: dataclasses.replace(stream, parameters=inside),
    any_of(Stream, words.map(lambda path: "wss://h.example/" + path.replace("?", ""))),
    parameters,
)
clients = st.builds(
    lambda client, inside: dataclasses.replace(client, parameters=inside),
    any_of(Client, names),
    parameters,
)
prompts: st.SearchStrategy[Prompt] = st.one_of(
    any_of(Say, words), any_of(Play, names), any_of(Pause)
)
nouns: st.SearchStrategy[DialNoun] = st.one_of(
    any_of(Number, names),
    any_of(Sip, names),
    clients,
    any_of(Conference, names),
    any_of(Queue, names),
)
verbs: st.SearchStrategy[Verb] = st.one_of(
    prompts,
    st.text(KEYS["digits"], min_size=1).map(lambda digits: Play(digits=digits)),
    any_of(Gather, st.lists(prompts, max_size=2).map(tuple)),
    any_of(Record),
    any_of(Dial, st.lists(nouns, min_size=1, max_size=2).map(tuple)),
    any_of(Connect, streams),
    any_of(Start, streams),
    names.map(Stop),
    any_of(Redirect, words),
    any_of(Reject),
    st.just(Hangup()),
    any_of(Enqueue, st.none() | names),
    st.just(Leave()),
    any_of(Refer, names),
)
responses = st.lists(verbs, max_size=3).map(lambda some: Response(tuple(some)))


# The same document, written with the SDK.


def by_sdk(item: Any, *, defaults: bool) -> Any:
    """Build the SDK's element for a value of ours; with or without attributes at their default."""
    attributes = {
        field.name: " ".join(value) if isinstance(value, tuple) else value
        for field in dataclasses.fields(item)
        if field.kw_only and field.name != "parameters"
        for value in [getattr(item, field.name)]
        if defaults or value != field.default
    }
    inside: tuple[Any, ...] = getattr(item, "parameters", ())
    match item:
        case Response():
            element = sdk.VoiceResponse()
            inside = item.verbs
        case Say():
            element = sdk.Say(item.text, **attributes)
        case Play():
            element = sdk.Play(item.url, **attributes)
        case Gather():
            element = sdk.Gather(**attributes)
            inside = item.prompts
        case Dial():
            element = sdk.Dial(**attributes)
            inside = item.nouns
        case Number():
            element = sdk.Number(item.number, **attributes)
        case Sip():
            element = sdk.Sip(item.uri, **attributes)
        case Client() if item.parameters:
            element = sdk.Client(**attributes)
            element.identity(item.identity)
        case Client():
            element = sdk.Client(item.identity, **attributes)
        case Conference():
            element = sdk.Conference(item.room, **attributes)
        case Queue():
            element = sdk.Queue(item.queue, **attributes)
        case Connect() | Start():
            element = getattr(sdk, type(item).__name__)(**attributes)
            inside = (item.stream,)
        case Stop():
            element = sdk.Stop()
            element.stream(name=item.stream)
        case Stream():
            element = sdk.Stream(url=item.url, **attributes)
        case Parameter():
            element = sdk.Parameter(name=item.name, value=item.value)
        case Redirect():
            element = sdk.Redirect(item.url, **attributes)
        case Enqueue():
            element = sdk.Enqueue(item.queue, **attributes)
        case Refer():
            element = sdk.Refer(**attributes)
            element.sip(item.uri)
        case _:
            element = getattr(sdk, type(item).__name__)(**attributes)
    for one in inside:
        element.append(by_sdk(one, defaults=defaults))
    return element


@settings(deadline=None, max_examples=300)
@given(response=responses)
def test_we_write_what_the_sdk_writes(response: Response) -> None:
    assert tree(render(response)) == tree(str(by_sdk(response, defaults=False)))


@settings(deadline=None, max_examples=300)
@given(response=responses)
def test_we_read_what_we_write_and_what_the_sdk_writes(response: Response) -> None:
    read = Document(response=response, warnings=())
    assert parse(render(response)) == read
    assert parse(render(response).encode()) == read
    assert parse(str(by_sdk(response, defaults=False))) == read


@settings(deadline=None)
@given(response=responses)
def test_a_default_that_is_written_out_is_the_default(response: Response) -> None:
    assert parse(str(by_sdk(response, defaults=True))) == Document(response=response, warnings=())


def test_every_attribute_of_the_sdk_is_known_but_two_that_twilio_does_not_document() -> None:
    built_by = {
        **{cls: getattr(sdk.VoiceResponse, cls.__name__.lower()) for cls in get_args(Verb)},
        **{cls: getattr(sdk.Dial, cls.__name__.lower()) for cls in get_args(DialNoun)},
        Stream: sdk.Connect.stream,
        Parameter: sdk.Stream.parameter,
    }
    assert len(built_by) == 22
    content = {"message", "url", "number", "phone_number", "sip_url", "identity", "name", "value"}
    unknown = {
        (cls.__name__, name)
        for cls, build in built_by.items()
        for name in inspect.signature(build).parameters
        if name not in {one.name for one in dataclasses.fields(cls)} | content | {"self", "kwargs"}
    }
    assert unknown == {("Stream", "audio_format"), ("Stream", "sample_rate")}


def test_an_attribute_that_twilio_does_not_document_is_left_out_with_a_warning() -> None:
    start = sdk.Start()
    start.stream(url="wss://h.example/s", name="n", audio_format="x", sample_rate=16000)
    response = sdk.VoiceResponse()
    response.append(start)
    assert parse(str(response)) == Document(
        response=Response((Start(Stream("wss://h.example/s", name="n")),)),
        warnings=(
            TwimlWarning(code="12200", line=1, message="<Stream> has no attribute audioFormat"),
            TwimlWarning(code="12200", line=1, message="<Stream> has no attribute sampleRate"),
        ),
    )


def test_a_number_in_the_text_of_dial_is_a_number() -> None:
    response = sdk.VoiceResponse()
    response.dial("+15005550006", action="/a", sequential=True)
    assert parse(str(response)) == Document(
        response=Response((Dial((Number("+15005550006"),), action="/a", sequential=True),)),
        warnings=(),
    )


def test_a_client_is_named_by_its_text_or_by_an_element_beside_its_parameters() -> None:
    plain, detailed = Client("al"), Client("al", parameters=(Parameter("a", "b"),))
    document = (
        '<?xml version="1.0" encoding="UTF-8"?><Response><Dial><Client>al</Client>'
        '<Client><Identity>al</Identity><Parameter name="a" value="b"/></Client></Dial></Response>'
    )
    response = Response((Dial((plain, detailed)),))
    assert render(response) == document
    assert parse(document) == Document(response=response, warnings=())


def test_speech_markup_is_reduced_to_the_words() -> None:
    say = sdk.Say("Meet")
    say.break_(time="1s")
    say.p("at the")
    say.emphasis("big", level="strong")
    say.sub("WWW", alias="web")
    response = sdk.VoiceResponse()
    response.append(say)
    read = parse(str(response))
    assert read.warnings == ()
    assert read.response == Response((Say("Meet   at the bigweb"),))


def test_a_carriage_return_survives_here_and_becomes_a_newline_in_the_sdk() -> None:
    ours = parse(render(Response((Say("a\rb"),))))
    theirs = sdk.VoiceResponse()
    theirs.say("a\rb")
    assert ours.response == Response((Say("a\rb"),))
    assert parse(str(theirs)).response == Response((Say("a\nb"),))


# Writing.


def test_a_document_for_an_agent_is_rendered() -> None:
    assert render(
        Response(
            (
                Say("Hello & welcome"),
                Connect(
                    Stream("wss://h.example/media", parameters=(Parameter("token", "t-1"),)),
                    action="/after",
                ),
                Hangup(),
            )
        )
    ) == (
        '<?xml version="1.0" encoding="UTF-8"?><Response><Say>Hello &amp; welcome</Say>'
        '<Connect action="/after"><Stream url="wss://h.example/media">'
        '<Parameter name="token" value="t-1"/></Stream></Connect><Hangup/></Response>'
    )


def test_a_value_that_is_not_the_default_is_written_and_the_default_is_not() -> None:
    gather = Gather(
        (Pause(length=2),),
        input=("dtmf", "speech"),
        timeout=5,
        finish_on_key="",
        num_digits=4,
        speech_timeout="auto",
        barge_in=False,
        action_on_empty_result=True,
        method="GET",
    )
    assert render(Response((gather,))) == (
        '<?xml version="1.0" encoding="UTF-8"?><Response><Gather actionOnEmptyResult="true" '
        'bargeIn="false" finishOnKey="" input="dtmf speech" method="GET" numDigits="4" '
        'speechTimeout="auto"><Pause length="2"/></Gather></Response>'
    )


def streamed(url: str, *some: Parameter) -> Connect:
    return Connect(Stream(url, parameters=some))


@pytest.mark.parametrize(
    ("verb", "message"),
    [
        (
            streamed("wss://h.example/s?call=1"),
            "TwiML <Stream>: Twilio strips the query from url; pass a Parameter instead",
        ),
        (
            streamed("https://h.example/s"),
            "TwiML <Stream>: url must begin with wss:// (or ws:// for an emulator)",
        ),
        (
            streamed("wss://h.example/s", Parameter("n", "v" * 499)),
            "TwiML <Parameter>: name and value may have 499 characters together",
        ),
        (
            streamed("wss://h.example/s", Parameter("", "v")),
            "TwiML <Parameter>: its name or address is empty",
        ),
        (Say("x" * 4097), "TwiML <Say>: split texts of more than 4096 characters"),
        (Say("x", loop=1001), "TwiML <Say>: loop must be a whole number from 0 to 1000"),
        (Say("x", loop=-1), "TwiML <Say>: loop must be a whole number from 0 to 1000"),
        (
            Say("\x07"),
            "<Say> has a character that XML cannot carry; take out control characters",
        ),
        (Play(), "TwiML <Play>: give a url or digits"),
        (
            Play(digits="1p2"),
            "TwiML <Play>: digits must be only of 0 1 2 3 4 5 6 7 8 9 * # A B C D w W",
        ),
        (
            Dial((Number("+15005550006", send_digits="1" * 33),)),
            "TwiML <Number>: send_digits must be only of 0 1 2 3 4 5 6 7 8 9 * # A B C D w W, "
            "at most 32",
        ),
        (
            Gather(finish_on_key="A"),
            "TwiML <Gather>: finish_on_key must be only of 0 1 2 3 4 5 6 7 8 9 * #",
        ),
        (Dial(()), "TwiML <Dial>: name somebody to ring"),
        (Dial((Number(" "),)), "TwiML <Number>: its name or address is empty"),
        (
            Dial((Number("+15005550006"),), timeout=4),
            "TwiML <Dial>: timeout must be a whole number from 5 to 600",
        ),
        (
            Pause(length=2.5),  # type: ignore[arg-type]  # what an untyped program may do
            "TwiML <Pause>: length must be a whole number from 1 to 14400",
        ),
        (
            Reject(reason="bored"),  # type: ignore[arg-type]  # what an untyped program may do
            "TwiML <Reject>: reason must be one of rejected, busy",
        ),
        (
            Record(method="PUT"),  # type: ignore[arg-type]  # what an untyped program may do
            "TwiML <Record>: method must be one of GET, POST",
        ),
        (Stop(""), "TwiML <Stop>: its name or address is empty"),
        (Refer(""), "TwiML <Refer>: its name or address is empty"),
    ],
)
def test_what_twilio_would_refuse_strip_or_cut_is_not_written(verb: Verb, message: str) -> None:
    with pytest.raises(UsageError) as refused:
        render(Response((verb,)))
    assert str(refused.value) == message


def test_a_document_at_its_limits_is_written_and_read() -> None:
    say = Say("é" * MAX_SAY_CHARACTERS)
    longest = Response(
        (
            *[say] * 7,
            streamed("wss://h.example/s", Parameter("n", "v" * 498)),
            Play(digits="1" * 7451),
        )
    )
    written = render(longest)
    assert len(written.encode()) == MAX_DOCUMENT_BYTES
    assert parse(written).response == longest
    with pytest.raises(UsageError, match="the TwiML is longer than 65536 bytes"):
        render(Response((*longest.verbs, Hangup())))


def test_numbers_keys_and_passwords_do_not_show() -> None:
    shown = repr(
        Dial(
            (
                Number("+15005550006", send_digits="1234"),
                Sip("sip:a@h.example", username="a", password="hunter2"),
            ),
            caller_id="+15005550001",
        )
    ) + repr(Play(digits="1234"))
    for secret in ("+15005550006", "1234", "hunter2", "+15005550001"):
        assert secret not in shown


# Reading.


def test_a_document_is_read_with_a_warning_for_everything_that_is_left_out() -> None:
    document = """<?xml version="1.0" encoding="UTF-8"?>
<Response version="1" xmlns:x="urn:x">
  hello
  <say>No</say>
  <Say loop="often" voice="alice" pitch="1">  Yes <x:loud>now</x:loud> </Say>
  <Pause length="0"><Say>No</Say></Pause>
  <Gather numDigits=" 4" timeout="&#xFF11;" input="dtmf smell" method="get" bargeIn="True">
    <Hangup/>
  </Gather>
  <Dial timeout="3">+15005550006<Sim>DE1</Sim></Dial>
  <Dial> +15005550006 </Dial>
  <Dial><Number></Number><Client><Parameter value="v"/></Client></Dial>
  <Connect><Room>r</Room></Connect>
  <Start><Stream/><Stream url="wss://h.example/a"/><Stream url="wss://h.example/b"/></Start>
  <Stop><Stream/></Stop>
  <Play/>
  <Refer>sip:a@h.example</Refer>
  <Redirect> /next </Redirect>
</Response>"""
    read = parse(document)
    assert read.response == Response(
        (
            Say("Yes now", voice="alice"),
            Pause(),
            Gather(method="GET"),
            Dial(()),
            Dial((Number("+15005550006"),)),
            Dial(()),
            Start(Stream("wss://h.example/a")),
            Play(),
            Redirect("/next"),
        )
    )
    assert [(one.line, one.message) for one in read.warnings] == [
        (2, "<Response> takes no text"),
        (2, "<Response> has no attribute version"),
        (4, "<Response> takes no <say>"),
        (5, "<Say> takes no <x:loud>"),
        (5, "loop of <Say> must be a whole number from 0 to 1000"),
        (5, "<Say> has no attribute pitch"),
        (6, "<Pause> takes no <Say>"),
        (6, "length of <Pause> must be a whole number from 1 to 14400"),
        (7, "numDigits of <Gather> must be a whole number from 1 to 14400"),
        (7, "timeout of <Gather> must be a whole number from 0 to 14400"),
        (7, "input of <Gather> must be one of dtmf, speech, or several with a space between"),
        (7, "bargeIn of <Gather> must be true or false"),
        (8, "<Gather> takes no <Hangup>"),
        (10, "<Dial> takes no text"),
        (10, "<Dial> takes no <Sim>"),
        (10, "<Dial> names nobody"),
        (10, "timeout of <Dial> must be a whole number from 5 to 600"),
        (12, "<Number> is empty"),
        (12, "<Parameter> has no name"),
        (12, "<Client> is empty"),
        (12, "<Dial> names nobody"),
        (13, "<Connect> takes no <Room>"),
        (13, "<Connect> has nothing to work on"),
        (14, "<Stream> has no url"),
        (14, "<Start> takes one; all but the first are left out"),
        (15, "<Stream> has no name"),
        (15, "<Stop> has nothing to work on"),
        (16, "<Play> has nothing to play"),
        (17, "<Refer> takes no text"),
        (17, "<Refer> has nothing to work on"),
    ]
    assert {one.code for one in read.warnings} == {"12200"}


def test_a_stream_keeps_the_query_that_its_author_wrongly_gave_it() -> None:
    document = '<Response><Connect><Stream url="wss://h.example/s?a=1"/></Connect></Response>'
    assert parse(document).response == Response((streamed("wss://h.example/s?a=1"),))


def test_a_warning_repeats_no_value_and_cuts_long_names() -> None:
    read = parse(f'<Response><Play digits="12p34"/><{"x" * 100}/></Response>')
    assert [one.message for one in read.warnings] == [
        "digits of <Play> must be only of 0 1 2 3 4 5 6 7 8 9 * # A B C D w W",
        "<Play> has nothing to play",
        f"<Response> takes no <{'x' * 40}>",
    ]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (b"", "the XML is not well-formed: no element found: line 1, column 0"),
        ("Not Found", "the XML is not well-formed: syntax error: line 1, column 0"),
        ("<Response>", "the XML is not well-formed: no element found: line 1, column 10"),
        ("<html/>", "the TwiML's root is not <Response>"),
        ("<!DOCTYPE Response><Response/>", "the XML has a document type; leave it out"),
        (b"<Response>" + b" " * MAX_DOCUMENT_BYTES, "the TwiML is longer than 65536 bytes"),
        ("é" * (MAX_DOCUMENT_BYTES // 2 + 1), "the TwiML is longer than 65536 bytes"),
        ("\ud800", "the XML has half a character"),
    ],
)
def test_what_is_not_twiml_at_all_is_refused(document: str | bytes, message: str) -> None:
    with pytest.raises(ProtocolError) as refused:
        parse(document)
    assert (str(refused.value), refused.value.code) == (message, "12100")


tags = st.sampled_from(
    [
        "Response",
        "Say",
        "Play",
        "Pause",
        "Gather",
        "Record",
        "Dial",
        "Number",
        "Sip",
        "Client",
        "Identity",
        "Conference",
        "Queue",
        "Connect",
        "Start",
        "Stop",
        "Stream",
        "Parameter",
        "Redirect",
        "Reject",
        "Hangup",
        "Enqueue",
        "Leave",
        "Refer",
        "p",
        "sub",
        "Room",
    ]
)
soups = st.recursive(
    texts.map(lambda text: text.replace("&", "").replace("<", "")),
    lambda inner: st.builds(
        "<{0} {1}>{2}</{0}>".format,
        tags,
        st.dictionaries(
            st.sampled_from(["url", "name", "value", "action", "timeout", "loop", "digits"]),
            st.sampled_from(["", "1", "-1", "x", "wss://h.example/s", "GET"]),
        ).map(lambda some: " ".join(f'{name}="{value}"' for name, value in some.items())),
        st.lists(inner, max_size=3).map("".join),
    ),
    max_leaves=12,
)


@settings(deadline=None, max_examples=300)
@given(soup=soups)
def test_any_mixture_of_elements_is_read_and_what_is_read_can_be_read_again(soup: str) -> None:
    read = parse(f"<Response>{soup}</Response>")
    try:
        written = render(read.response)
    except UsageError:
        return
    assert parse(written) == Document(response=read.response, warnings=())


@settings(deadline=None)
@given(document=st.binary(max_size=100) | st.text(st.characters(), max_size=100))
def test_a_hostile_document_is_refused(document: str | bytes) -> None:
    with pytest.raises(ProtocolError):
        parse(document)
