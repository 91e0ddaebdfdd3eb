"""Who has answered a call that we made: a person, a machine, a menu, an assistant, a fax?"""

import math
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import assert_never

import msgspec

from hookflash.errors import ConfigError
from hookflash.events.turn import (
    CallerLeft,
    SpeechStarted,
    SpeechStopped,
    TranscriptFinal,
    TranscriptPartial,
)
from hookflash.events.voicemail import (
    AskModel,
    CarrierSaid,
    CarrierVerdict,
    GiveUp,
    ModelSaid,
    PartyAnswered,
    PartyJudged,
    ReadyToSpeak,
    ToneHeard,
    VoicemailCommand,
    VoicemailEvent,
    VoicemailMethod,
    VoicemailVerdict,
)
from hookflash.machines.greeting import ENGLISH_GREETINGS, GreetingPhrases, judge_words

__all__ = ["TRANSITIONS", "VoicemailConfig", "VoicemailMachine", "VoicemailState"]

# More than any greeting that is still being judged; what a recogniser run wild gives is dropped.
_MOST_TEXT = 4000

# ITU-T T.30: an answering fax sends 2,100 Hz for 2.6 to 4 s, a calling one 1,100 Hz for 0.5 s. The
# latter may be a beep, too, if somebody spoke before.
_CED_HZ, _CED_TOLERANCE_HZ, _CED_MS = 2100.0, 20.0, 700.0
_CNG_HZ, _CNG_TOLERANCE_HZ = 1100.0, 38.0
_CNG_MS, _CNG_TOLERANCE_MS = 500.0, 75.0


class VoicemailState(StrEnum):
    """How far the judging has come."""

    WAITING = "waiting"
    """The call was not answered yet."""
    SILENT = "silent"
    """Answered; nobody has spoken."""
    SPEAKING = "speaking"
    """The party speaks for the first time, or again; no verdict yet."""
    PAUSED = "paused"
    """The party has spoken and fallen silent; a verdict is near."""
    ASKING = "asking"
    """The language model is asked."""
    OPEN = "open"
    """There is a verdict, of no machine; it may yet turn out to be one."""
    GREETING = "greeting"
    """A machine; its greeting goes on."""
    RECORDING = "recording"
    """A machine, which seems to record; its beep may yet come."""
    OVER = "over"
    """Nothing is left to decide."""


_S = VoicemailState
_OUTCOMES = (_S.OPEN, _S.GREETING, _S.RECORDING, _S.OVER)

TRANSITIONS: Mapping[VoicemailState, Mapping[str, tuple[VoicemailState, ...]]] = {
    _S.WAITING: {
        PartyAnswered.name: (_S.SILENT, *_OUTCOMES),
        CarrierSaid.name: (_S.WAITING,),
        CallerLeft.name: (_S.OVER,),
    },
    _S.SILENT: {
        SpeechStarted.name: (_S.SPEAKING,),
        TranscriptPartial.name: (_S.SILENT, _S.SPEAKING, _S.GREETING),
        TranscriptFinal.name: (_S.SILENT, _S.PAUSED, _S.OPEN, _S.GREETING),
        ToneHeard.name: (_S.OVER,),
        CarrierSaid.name: (_S.SILENT, *_OUTCOMES),
        CallerLeft.name: (_S.OVER,),
        "tick": (_S.OPEN,),
    },
    _S.SPEAKING: {
        SpeechStarted.name: (_S.SPEAKING,),
        SpeechStopped.name: (_S.PAUSED, _S.OPEN),
        TranscriptPartial.name: (_S.SPEAKING, _S.GREETING),
        TranscriptFinal.name: (_S.SPEAKING, _S.PAUSED, _S.OPEN, _S.GREETING),
        ToneHeard.name: (_S.OVER,),
        CarrierSaid.name: (_S.SPEAKING, *_OUTCOMES),
        CallerLeft.name: (_S.OVER,),
        "tick": (_S.SPEAKING, _S.ASKING, _S.OPEN, _S.GREETING),
    },
    _S.PAUSED: {
        SpeechStarted.name: (_S.SPEAKING,),
        TranscriptPartial.name: (_S.PAUSED, _S.SPEAKING, _S.OPEN, _S.GREETING),
        TranscriptFinal.name: (_S.PAUSED, _S.ASKING, _S.OPEN, _S.GREETING),
        ToneHeard.name: (_S.OVER,),
        CarrierSaid.name: (_S.PAUSED, *_OUTCOMES),
        CallerLeft.name: (_S.OVER,),
        "tick": (_S.ASKING, _S.OPEN, _S.GREETING),
    },
    _S.ASKING: {
        SpeechStarted.name: (_S.ASKING,),
        SpeechStopped.name: (_S.ASKING, _S.OPEN),
        TranscriptPartial.name: (_S.ASKING, _S.OPEN, _S.GREETING),
        TranscriptFinal.name: (_S.ASKING, _S.OPEN, _S.GREETING),
        ToneHeard.name: (_S.OVER,),
        CarrierSaid.name: (_S.ASKING, *_OUTCOMES),
        ModelSaid.name: (_S.SPEAKING, _S.OPEN, _S.GREETING, _S.OVER),
        CallerLeft.name: (_S.OVER,),
        "tick": (_S.SPEAKING, _S.OPEN, _S.GREETING),
    },
    _S.OPEN: {
        SpeechStarted.name: (_S.OPEN,),
        SpeechStopped.name: (_S.OPEN,),
        TranscriptPartial.name: (_S.OPEN, _S.GREETING),
        TranscriptFinal.name: (_S.OPEN, _S.GREETING),
        ToneHeard.name: (_S.OPEN, _S.OVER),
        CarrierSaid.name: _OUTCOMES,
        CallerLeft.name: (_S.OVER,),
        "tick": (_S.OVER,),
    },
    _S.GREETING: {
        SpeechStarted.name: (_S.GREETING,),
        SpeechStopped.name: (_S.GREETING,),
        TranscriptPartial.name: (_S.GREETING,),
        TranscriptFinal.name: (_S.GREETING,),
        ToneHeard.name: (_S.GREETING, _S.OVER),
        CarrierSaid.name: (_S.GREETING, _S.RECORDING, _S.OVER),
        CallerLeft.name: (_S.OVER,),
        "tick": (_S.RECORDING, _S.OVER),
    },
    _S.RECORDING: {
        ToneHeard.name: (_S.RECORDING, _S.OVER),
        CallerLeft.name: (_S.OVER,),
        "tick": (_S.OVER,),
    },
    _S.OVER: {},
}
"""State, then event name or `tick`, to the states that may follow. What is not here is ignored."""


class VoicemailConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How long to listen for what, in seconds above 0.

    Raises:
        ConfigError: a field is out of its range.
    """

    silence: float = 3.0
    """From the answer to giving up on a first word: somebody may be waiting for ours. Machines
    begin within two seconds. Asterisk's AMD waits 2.5 s, Twilio 5 s."""
    short_greeting: float = 2.0
    """The most speech in a person's greeting if no words were recognised. Asterisk's AMD says
    1.5 s, Twilio 2.4 s."""
    pause: float = 0.8
    """From the end of a greeting to the verdict that it was one. Shorter, and a machine that pauses
    after "Hi" is taken for a person; longer, and people ask whether anybody is there. It is what
    Asterisk's AMD has; Twilio waits 1.2 s."""
    long_greeting: float = 4.5
    """Speech after which somebody who pauses nowhere is taken for a machine if no words were
    recognised; else the model is asked, if there is one."""
    long_with_words: float = 7.0
    """The same if there are words, none of them a machine's. People who answer the phone of a firm
    take up to six seconds; a mailbox has told by then what it is."""
    model_within: float = 0.7
    """How long the language model's word is waited for. With the pause it makes one second and a
    half, and only people with a long and unusual greeting wait for it."""
    decide_within: float = 10.0
    """From the answer to a verdict, whatever happens."""
    resume_within: float = 3.0
    """Speech that begins up to so long after a verdict may still be the greeting, and make the
    verdict that of a machine by its words. What is said later is an answer to ours."""
    correct_within: float = 15.0
    """From a verdict to the last beep or word of the carrier that may correct it."""
    screened_within: float = 60.0
    """The same after an assistant or a menu: it may let the phone ring and then record."""
    beep_wait: float = 2.5
    """From the end of a machine's greeting to taking the silence for its beep."""
    late_beep: float = 8.0
    """From then on, how long a beep may still come and start the message over."""
    greeting_limit: float = 60.0
    """From the verdict to giving up on a greeting without end. Carriers allow mailboxes three
    minutes; nobody uses them."""
    use_model: bool = False
    """Whether there is a language model to ask."""
    phrases: GreetingPhrases = ENGLISH_GREETINGS
    """What people and machines say."""

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        for name in self.__struct_fields__:
            value: object = getattr(self, name)
            if isinstance(value, GreetingPhrases | bool):
                continue
            if not isinstance(value, int | float) or not 0 < value < math.inf:
                msg = f"{name} is {value!r}; give seconds above 0"
                raise ConfigError(msg)
        if not self.short_greeting <= self.long_greeting <= self.long_with_words:
            msg = "short_greeting, long_greeting and long_with_words must not fall, in this order"
            raise ConfigError(msg)


class VoicemailMachine:
    """Decides who answered, from whatever there is: carrier, timing, words, model, tones.

    `PartyJudged` is said exactly once for a call that is answered and not hung up, at the latest
    `decide_within` after the answer; once more if a person, menu or assistant turns out to be a
    machine (or a fax). After a machine's verdict follows `ReadyToSpeak`, or `GiveUp`.

    Without a voice-activity detector the recogniser's words stand for speech, so lengths are
    short by its delay.
    """

    def __init__(self, config: VoicemailConfig | None = None) -> None:
        self._config = config or VoicemailConfig()
        self._state = VoicemailState.WAITING
        self._judged: VoicemailVerdict | None = None
        self._answered_at = 0.0
        self._entered_at = 0.0  # the present one of ASKING, OPEN, GREETING, RECORDING
        self._foretold = CarrierVerdict.UNKNOWN  # what the carrier said before the answer
        self._detector = False  # whether a voice-activity detector has been heard of
        self._speaking_since: float | None = None
        self._by_words = False  # words, not the detector, said that somebody speaks
        self._last_began = 0.0  # when the latest speech began
        self._quiet_since = 0.0
        self._spoken = 0.0  # seconds of speech in the segments that are over
        self._finals = ""
        self._partial = ""
        self._limit = self._config.long_greeting
        self._asked = False
        self._hear_out = False  # who speaks is no machine, however long it takes
        self._model_human = False
        self._greeted = False  # a person's words were recognised

    @property
    def state(self) -> VoicemailState:
        """How far the judging has come."""
        return self._state

    def receive(self, event: VoicemailEvent, now: float) -> Sequence[VoicemailCommand]:
        """Take one event; return who answered, if it shows that, and what to do."""
        legal = TRANSITIONS[self._state].get(event.name)
        if legal is None:
            return []
        match event:
            case PartyAnswered():
                self._answered_at = now
                self._state = VoicemailState.SILENT
                commands = self._carrier_said(self._foretold, now)
            case SpeechStarted():
                self._detector, self._by_words = True, False
                self._speech_started(now if event.onset is None else event.onset)
                commands = []
            case SpeechStopped():
                commands = self._speech_stopped(now if event.offset is None else event.offset, now)
            case TranscriptPartial():
                commands = self._words_heard(event.text, now, final=False)
            case TranscriptFinal():
                commands = self._words_heard(event.text, now, final=True)
            case ToneHeard():
                commands = self._tone_heard(event, now)
            case CarrierSaid():
                commands = self._carrier_said(event.verdict, now)
            case ModelSaid():
                commands = self._model_said(event.verdict, now)
            case CallerLeft():
                self._state = VoicemailState.OVER
                commands = []
            case _:
                assert_never(event)
        assert self._state in legal, (event.name, self._state)
        return commands

    def tick(self, now: float) -> Sequence[VoicemailCommand]:
        """Return what the passing of time decides."""
        legal = TRANSITIONS[self._state].get("tick")
        deadline = self.deadline()
        if legal is None or deadline is None or now < deadline:
            return []
        commands = self._time_passed(now)
        assert self._state in legal, ("tick", self._state)
        return commands

    def deadline(self) -> float | None:
        """Return when the present silence, speech, question or greeting has lasted long enough."""
        config = self._config
        limit = self._answered_at + config.decide_within
        match self._state:
            case VoicemailState.WAITING | VoicemailState.OVER:
                return None
            case VoicemailState.SILENT:
                return min(limit, self._answered_at + config.silence)
            case VoicemailState.SPEAKING:
                return limit if self._hear_out else min(limit, self._long_at())
            case VoicemailState.PAUSED:
                return min(limit, self._quiet_since + config.pause)
            case VoicemailState.ASKING:
                return min(limit, self._entered_at + config.model_within)
            case VoicemailState.OPEN:
                return self._entered_at + self._open_for()
            case VoicemailState.GREETING:
                end = self._entered_at + config.greeting_limit
                return end if self._speaking_since is not None else min(end, self._beep_due())
            case VoicemailState.RECORDING:
                return self._entered_at + config.late_beep
            case _:
                assert_never(self._state)

    # What happened.

    def _speech_started(self, onset: float) -> None:
        if self._speaking_since is None:
            self._speaking_since = self._last_began = onset
        if self._state in (VoicemailState.SILENT, VoicemailState.PAUSED):
            self._state = VoicemailState.SPEAKING

    def _speech_stopped(self, offset: float, now: float) -> list[VoicemailCommand]:
        if self._speaking_since is not None:
            self._spoken += max(0.0, offset - self._speaking_since)
            self._speaking_since = None
        self._by_words = False
        self._quiet_since = offset
        if self._state is VoicemailState.SPEAKING:
            self._state = VoicemailState.PAUSED
        return self._consider(now)

    def _words_heard(self, text: str, now: float, *, final: bool) -> list[VoicemailCommand]:
        if final:
            self._finals = f"{self._finals} {text}".strip()[-_MOST_TEXT:]
            self._partial = ""
        else:
            self._partial = text[-_MOST_TEXT:]
        if not text.strip():
            return []
        unseen = not self._detector or self._state is VoicemailState.SILENT
        if unseen and self._speaking_since is None:
            self._by_words = True
            self._speech_started(now)
        if final and self._by_words:
            return self._speech_stopped(now, now)
        return self._consider(now, final=final)

    def _tone_heard(self, tone: ToneHeard, now: float) -> list[VoicemailCommand]:
        answering_fax = abs(tone.hz - _CED_HZ) <= _CED_TOLERANCE_HZ and tone.ms >= _CED_MS
        if self._state in (VoicemailState.GREETING, VoicemailState.RECORDING):
            if answering_fax:
                return []
            self._state = VoicemailState.OVER
            return [ReadyToSpeak(beep=True)]
        calling_fax = (
            abs(tone.hz - _CNG_HZ) <= _CNG_TOLERANCE_HZ
            and abs(tone.ms - _CNG_MS) <= _CNG_TOLERANCE_MS
            and not self._has_spoken
        )
        if answering_fax or calling_fax:
            return self._judge(VoicemailVerdict.FAX, VoicemailMethod.TONE, now)
        if self._state is VoicemailState.OPEN and not self._beep_may_correct():
            return []
        judged = self._judge(VoicemailVerdict.MACHINE, VoicemailMethod.TONE, now)
        return [*judged, *self._record(now, beep=True)]

    def _carrier_said(self, verdict: CarrierVerdict, now: float) -> list[VoicemailCommand]:
        if self._state is VoicemailState.WAITING:
            self._foretold = verdict
            return []
        by_carrier = VoicemailMethod.CARRIER
        commands: list[VoicemailCommand] = []
        match verdict:
            case CarrierVerdict.UNKNOWN:
                pass
            case CarrierVerdict.HUMAN:
                if self._judged is None:
                    commands = self._judge(VoicemailVerdict.HUMAN, by_carrier, now)
            case CarrierVerdict.FAX:
                if self._judged is not VoicemailVerdict.MACHINE:
                    commands = self._judge(VoicemailVerdict.FAX, by_carrier, now)
            case _:
                if self._judged is not VoicemailVerdict.MACHINE:
                    commands = self._judge(VoicemailVerdict.MACHINE, by_carrier, now)
                if verdict is not CarrierVerdict.MACHINE_START:
                    beep = verdict is CarrierVerdict.MACHINE_END_BEEP
                    commands = [*commands, *self._record(now, beep=beep)]
        return commands

    def _model_said(self, verdict: VoicemailVerdict | None, now: float) -> list[VoicemailCommand]:
        if verdict is None or verdict is VoicemailVerdict.UNKNOWN:
            return self._without_model(now)
        if verdict is VoicemailVerdict.HUMAN and self._speaking_since is not None:
            self._model_human = self._hear_out = True
            self._state = VoicemailState.SPEAKING
            return []
        return self._judge(verdict, VoicemailMethod.LLM, now)

    def _time_passed(self, now: float) -> list[VoicemailCommand]:
        undecided = self._judged is None
        if undecided and now >= self._answered_at + self._config.decide_within:
            return self._out_of_time(now)
        match self._state:
            case VoicemailState.SILENT:
                return self._judge(VoicemailVerdict.UNKNOWN, VoicemailMethod.TIMEOUT, now)
            case VoicemailState.SPEAKING:
                return self._spoken_long(now)
            case VoicemailState.PAUSED:
                return self._paused_long(now)
            case VoicemailState.ASKING:
                return self._without_model(now)
            case VoicemailState.GREETING:
                if now < self._entered_at + self._config.greeting_limit:
                    return self._record(now, beep=False)
                self._state = VoicemailState.OVER
                return [GiveUp()]
            case _:
                self._state = VoicemailState.OVER
                return []

    # Deciding.

    def _consider(self, now: float, *, final: bool = False) -> list[VoicemailCommand]:
        """Look at the words, and at whether somebody is still speaking."""
        if self._state is VoicemailState.GREETING:
            return []
        found = judge_words(self._text, self._config.phrases)
        if found is not None and found.sure and found.verdict is VoicemailVerdict.MACHINE:
            if self._state is VoicemailState.OPEN and not self._may_be_greeting():
                return []
            return self._judge(found.verdict, VoicemailMethod.WORDS, now)
        if self._state is VoicemailState.OPEN or self._speaking_since is not None:
            return []
        if found is not None and found.sure:
            return self._judge(found.verdict, VoicemailMethod.WORDS, now)
        if final and found is None and self._state is VoicemailState.PAUSED:
            return self._ask(now)
        return []

    def _paused_long(self, now: float) -> list[VoicemailCommand]:
        found = judge_words(self._text, self._config.phrases)
        if found is not None:
            return self._judge(found.verdict, VoicemailMethod.WORDS, now)
        if self._model_human:
            return self._judge(VoicemailVerdict.HUMAN, VoicemailMethod.LLM, now)
        if self._spoken <= self._config.short_greeting:
            return self._judge(VoicemailVerdict.HUMAN, VoicemailMethod.TIMING, now)
        return self._ask(now) or self._without_model(now)

    def _spoken_long(self, now: float) -> list[VoicemailCommand]:
        found = judge_words(self._text, self._config.phrases)
        if found is None and self._text and self._limit < self._config.long_with_words:
            self._limit = self._config.long_with_words
            return self._ask(now)
        if found is None:
            return self._without_model(now)
        if found.verdict in (VoicemailVerdict.MACHINE, VoicemailVerdict.IVR):
            return self._judge(found.verdict, VoicemailMethod.WORDS, now)
        self._hear_out = True
        return []

    def _ask(self, now: float) -> list[VoicemailCommand]:
        """Ask the model, once, if there is one, there are words, and they are many."""
        wanted = self._config.use_model and not self._asked and bool(self._text)
        if not wanted or self._spoken_until(now) <= self._config.short_greeting:
            return []
        self._asked = True
        self._enter(VoicemailState.ASKING, now)
        return [AskModel(text=self._text)]

    def _without_model(self, now: float) -> list[VoicemailCommand]:
        """Judge a greeting of more than a few words by its length."""
        worded, config = bool(self._text), self._config
        limit = config.long_with_words if worded else config.short_greeting
        # A deadline lies where the limit does, give or take the last bit.
        long = self._spoken_until(now) >= limit - 1e-6
        if not long and self._speaking_since is not None:
            self._state = VoicemailState.SPEAKING
            return []
        verdict = VoicemailVerdict.MACHINE if long else VoicemailVerdict.HUMAN
        method = VoicemailMethod.WORDS if worded and not long else VoicemailMethod.TIMING
        return self._judge(verdict, method, now)

    def _out_of_time(self, now: float) -> list[VoicemailCommand]:
        found = judge_words(self._text, self._config.phrases)
        if found is not None:
            return self._judge(found.verdict, VoicemailMethod.WORDS, now)
        return self._judge(VoicemailVerdict.UNKNOWN, VoicemailMethod.TIMEOUT, now)

    def _judge(
        self, verdict: VoicemailVerdict, method: VoicemailMethod, now: float
    ) -> list[VoicemailCommand]:
        judged = PartyJudged(
            verdict=verdict, method=method, corrected=self._judged is not None, text=self._text
        )
        self._judged = verdict
        if verdict is VoicemailVerdict.MACHINE:
            self._enter(VoicemailState.GREETING, now)
        elif verdict is VoicemailVerdict.FAX:
            self._enter(VoicemailState.OVER, now)
        else:
            self._enter(VoicemailState.OPEN, now)
            self._greeted = verdict is VoicemailVerdict.HUMAN and bool(self._text)
            # Only what is said from now on can show that it was wrong.
            self._finals = ""
        return [judged]

    def _record(self, now: float, *, beep: bool) -> list[VoicemailCommand]:
        """The greeting is over; after a beep there is nothing more to wait for."""
        if beep:
            self._enter(VoicemailState.OVER, now)
        else:
            self._enter(VoicemailState.RECORDING, now)
        return [ReadyToSpeak(beep=beep)]

    def _enter(self, state: VoicemailState, now: float) -> None:
        self._state = state
        self._entered_at = now

    # What there is to go by.

    @property
    def _text(self) -> str:
        return f"{self._finals} {self._partial}".strip()

    @property
    def _has_spoken(self) -> bool:
        return self._spoken > 0 or self._speaking_since is not None

    def _spoken_until(self, now: float) -> float:
        since = self._speaking_since
        return self._spoken + (max(0.0, now - since) if since is not None else 0.0)

    def _long_at(self) -> float:
        """When the speech that goes on will have lasted too long for a person."""
        since = self._speaking_since
        assert since is not None, self._state
        return since + max(0.0, self._limit - self._spoken)

    def _open_for(self) -> float:
        config = self._config
        return config.screened_within if self._relayed else config.correct_within

    def _may_be_greeting(self) -> bool:
        """Whether what was said last began early enough to be no answer to ours."""
        return self._relayed or self._last_began <= self._entered_at + self._config.resume_within

    def _beep_may_correct(self) -> bool:
        """Whether a beep can be a greeting's end: the recorders of offices beep at people, too."""
        goes_on = self._speaking_since is not None or self._quiet_since > self._entered_at
        if not self._may_be_greeting() or (self._greeted and not goes_on):
            return False
        found = judge_words(self._text, self._config.phrases)
        return not self._text or (found is not None and found.verdict is VoicemailVerdict.MACHINE)

    @property
    def _relayed(self) -> bool:
        """Whether somebody else may yet come to the phone."""
        return self._judged in (VoicemailVerdict.IVR, VoicemailVerdict.CALL_SCREENING)

    def _beep_due(self) -> float:
        since = self._quiet_since if self._has_spoken else self._entered_at
        return since + self._config.beep_wait
