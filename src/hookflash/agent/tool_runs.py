"""Runs the tools that a model asks for, and answers each call exactly once.

A reply waits for its tools, unless it is stopped: then it is over at once, so that the caller's
next turn can be answered, while its tools run on (or are cancelled, as each says). Their answers
are in the history for whoever is asked next.
"""

import asyncio
import inspect
import json
import logging
import traceback
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, cast

from hookflash.agent.emitter import Emitter
from hookflash.agent.history import History
from hookflash.agent.line import OnLine, running_agent
from hookflash.agent.options import SessionOptions
from hookflash.agent.quiet import Quiet
from hookflash.agent.speech import Speech, running_item
from hookflash.agent.speech_queue import SpeechItem
from hookflash.agent.status import Status
from hookflash.agent.tool_policy import Filler
from hookflash.agent.tools import ForSession, Tool, ToolContext, ToolResult
from hookflash.agent.utterance import UtteranceHandle
from hookflash.errors import HookflashError
from hookflash.events.session import ToolFinished, ToolStarted, UtteranceBegan
from hookflash.events.status import Doing
from hookflash.events.tools import ToolProgress
from hookflash.pipeline.hooks import TOOL_CALL, TOOL_OUTPUT, RunningHooks
from hookflash.providers.chat import ToolCall, ToolOutput
from hookflash.runtime import clock
from hookflash.runtime.chance import new_id
from hookflash.runtime.tasks import TaskOwner

__all__ = ["MakeContext", "RoundOutcome", "ToolRuns", "Tools"]

_log = logging.getLogger("hookflash.agent")

Tools: TypeAlias = Callable[[], Mapping[str, Tool]]
MakeContext: TypeAlias = Callable[[ToolCall, UtteranceHandle], ToolContext]
LateHandOff: TypeAlias = Callable[[SpeechItem, ForSession], Awaitable[object]]

# More calls in one answer of a model are a model gone wrong.
_MOST_CALLS = 16
# What a coroutine gets to clean up when it is cancelled, before it is answered for.
_GRACE = 1.0
_NAMES = 5
_NAME_LENGTH = 40

_CANCELLED = "Cancelled: the caller interrupted before the tool was done."
_ENDED = "The call ended."
_FAILED = "The tool failed."
_GIVEN_UP = "The tool took too long and was stopped."
_RUNS_ALREADY = (
    "Not run: the same call is already under way, and its answer will follow. Do not repeat it."
)
_RAN_ALREADY = "Not run: the same call has just been answered. Use that answer; do not repeat it."
_TOO_MANY = f"Not run: more than {_MOST_CALLS} calls at once. Call again for what still matters."


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundOutcome:
    """What came of one round of tool calls.

    Attributes:
        again: whether the model shall be asked again, now that it has the outputs.
        hand_off: the first value for the session that a tool returned, in the order of the calls.
    """

    again: bool
    hand_off: ForSession | None = None


class _Run:
    """One call on its way.

    Attributes:
        call: as the model made it.
        item: the reply that it is part of.
        began: when.
        stirred: since when it has kept silent: when it began, or last told of its progress.
        result: done when it is over; never cancelled.
        abandoned: whether its reply was stopped, and nobody waits for the result.
    """

    def __init__(self, call: ToolCall, item: SpeechItem) -> None:
        self.call = call
        self.item = item
        self.abandoned = False
        self.began = self.stirred = clock.now()
        self.result: asyncio.Future[ToolResult] = asyncio.get_running_loop().create_future()

    @property
    def key(self) -> tuple[str, str]:
        """What a duplicate of it has in common with it."""
        arguments = self.call.arguments
        with suppress(ValueError, RecursionError):
            arguments = json.dumps(json.loads(arguments), sort_keys=True)
        return self.call.tool, arguments

    def silent_since(self) -> float:
        """Since when it keeps the caller waiting in silence; now, while it waits for a task."""
        if self.item.suspended:
            return clock.now()
        return max(self.stirred, self.item.resumed_at)

    def is_repeated_by(self, other: "_Run") -> bool:
        """Whether a call of the same key that begins now counts as its duplicate."""
        if not self.result.done():
            return True
        return self.item is other.item and not self.result.result().is_error

    def end(self, result: ToolResult) -> None:
        """It is over. Idempotent: the first result stays."""
        if not self.result.done():
            self.result.set_result(result)


class ToolRuns:
    """Runs the tools of one live session."""

    def __init__(
        self,
        speech: Speech,
        *,
        agent: Callable[[], OnLine],
        tools: Tools,
        make_context: MakeContext,
        late_hand_off: LateHandOff,
        history: History,
        status: Status,
        emitter: Emitter,
        owner: TaskOwner,
        options: SessionOptions,
        hooks: RunningHooks,
    ) -> None:
        """Know everybody.

        Args:
            speech: says fillers, and what tools say.
            agent: tells who has the line, and whose the tools are.
            tools: gives the agent's tools as of now.
            make_context: makes what a tool is told about its run.
            late_hand_off: does what a value for the session asks for that came after its reply
                was stopped.
            history: keeps the calls and their outputs.
            status: is told when a reply waits for tools.
            emitter: tells listeners.
            owner: whose tasks the tools are.
            options: limits, and the filler of tools that name none.
            hooks: see calls and outputs.
        """
        self._speech = speech
        self._agent = agent
        self._tools = tools
        self._make_context = make_context
        self._late_hand_off = late_hand_off
        self._history = history
        self._status = status
        self._emitter = emitter
        self._owner = owner
        self._options = options
        self._hooks = hooks
        self._quiet = Quiet(emitter)
        emitter.on(UtteranceBegan, lambda event: self._unheard.discard(event.utterance))
        self._known_ids: set[str] = set()
        self._unheard: set[str] = set()
        self._newest: dict[tuple[str, str], _Run] = {}

    async def run(self, item: SpeechItem, calls: Sequence[ToolCall]) -> RoundOutcome:
        """Run the calls side by side, on behalf of the running `item`.

        Returns when all are answered, or at once when the item is stopped.
        """
        seen = await item.unless_stopped(self._seen_by_hooks(calls))
        if seen is None or self._owner.closed:
            return RoundOutcome(again=False)
        self._newest = {
            key: run
            for key, run in self._newest.items()
            if run.item is item or not run.result.done()
        }
        runs = [_Run(self._with_own_id(call), item) for call in seen]
        for run in runs:
            self._history.add(run.call)
        stopped: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        item.when_stopped(lambda: stopped.set_result(None))
        self._status.begin(Doing.TOOL, item)
        token = running_agent.set(self._agent())
        try:
            for index, run in enumerate(runs):
                work = self._carry_out(run, refused=_TOO_MANY if index >= _MOST_CALLS else None)
                self._owner.start(work, name=f"tool {run.call.call_id}")
            running_agent.reset(token)
            waiting: set[asyncio.Future[ToolResult]] = {run.result for run in runs}
            while waiting and not stopped.done():
                either: set[asyncio.Future[Any]] = {*waiting, stopped}
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
                waiting = {result for result in waiting if not result.done()}
        finally:
            self._status.end(Doing.TOOL, item)
        if waiting:
            for run in runs:
                run.abandoned = not run.result.done()
        results = [run.result.result() for run in runs if run.result.done()]
        over = stopped.done() or self._speech.ending or item.ending
        return RoundOutcome(
            again=not over and not all(result.stop for result in results),
            hand_off=next(_for_session(results), None),
        )

    def close(self) -> None:
        """The session ends: calls whose tools will not come back are answered so."""
        for call in self._history.open_calls():
            self._answer(call, ToolResult(output=_ENDED, is_error=True))

    async def _seen_by_hooks(self, calls: Sequence[ToolCall]) -> Sequence[ToolCall]:
        return [
            replace(await self._hooks.run(TOOL_CALL, call), call_id=call.call_id) for call in calls
        ]

    # One call.

    async def _carry_out(self, run: _Run, *, refused: str | None) -> None:
        """Run one call, answer it and tell everyone."""
        try:
            result = await self._result(run, refused=refused)
            run.end(result)
        finally:
            if not run.result.done():
                failed = ToolResult(output=_FAILED, is_error=True)
                self._answer(run.call, failed)
                run.end(failed)
        value = next(_for_session([result]), None)
        if run.abandoned and value is not None:
            await self._late_hand_off(run.item, value)

    async def _result(self, run: _Run, *, refused: str | None) -> ToolResult:
        call = run.call
        self._emitter.tell(ToolStarted, tool=call.tool, call_id=call.call_id)
        tool = self._tools().get(call.tool)
        if refused is not None:
            result = ToolResult(output=refused, is_error=True)
        elif tool is None:
            known = ", ".join(self._tools()) or "none"
            text = f"There is no tool of that name. The tools are: {known}."
            result = ToolResult(output=text, is_error=True)
        else:
            result = await self._once(tool, run)
        result = replace(result, output=self._cut(result.output))
        output = await self._hooks.run(TOOL_OUTPUT, _output(call, result))
        self._answer(call, replace(result, output=output.output, is_error=output.is_error))
        if result.ignored:
            names = ", ".join(name[:_NAME_LENGTH] for name in result.ignored[:_NAMES])
            self._emitter.tell_error("tool", "unknown_arguments", f"{call.tool}: {names}")
        if result.error is not None:
            kind = type(result.error).__name__
            # Where, but not with what: the error's text may hold words of the caller.
            frames = "".join(traceback.format_tb(result.error.__traceback__))
            _log.info("the tool %s raised %s\n%s", call.tool, kind, frames)
            self._emitter.tell_error("tool", "tool_failed", f"{call.tool}: {kind}")
        self._emitter.tell(
            ToolFinished,
            tool=call.tool,
            call_id=call.call_id,
            is_error=result.is_error,
            seconds=clock.now() - run.began,
        )
        return result

    async def _once(self, tool: Tool, run: _Run) -> ToolResult:
        """Run a tool, unless it is not to be run because this was asked before."""
        earlier = self._newest.get(run.key)
        if earlier is None or tool.on_duplicate == "run" or not earlier.is_repeated_by(run):
            self._newest[run.key] = run
            return await self._supervise(tool, run)
        if tool.on_duplicate == "reject":
            text = _RAN_ALREADY if earlier.result.done() else _RUNS_ALREADY
            return ToolResult(output=text, is_error=True)
        shared = await asyncio.shield(earlier.result)
        # What is to be reported, or is for the session, is the other's.
        return replace(shared, value=None, error=None, ignored=())

    async def _supervise(self, tool: Tool, run: _Run) -> ToolResult:
        """Run a tool to its end, or until it is given up."""
        token = running_item.set(run.item)
        try:
            work = self._owner.start(self._call(tool, run), name=f"call {run.call.call_id}")
            given_up: asyncio.Future[str] = asyncio.get_running_loop().create_future()

            def give_up(why: str) -> None:
                if not given_up.done():
                    given_up.set_result(why)

            minders = [self._owner.start(self._limit(tool, run, give_up), name="tool limit")]
            filler = self._options.tool_filler if tool.filler is None else tool.filler
            if filler is not None and not self._speech.mute:
                minders.append(self._owner.start(self._fill(filler, run), name="filler"))
        finally:
            running_item.reset(token)
        if tool.on_interrupt == "cancel":
            run.item.when_stopped(lambda: give_up(_CANCELLED))
        try:
            either: set[asyncio.Future[Any]] = {work, given_up}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                work.cancel()
                await asyncio.wait({work}, timeout=_GRACE)
        finally:
            for minder in minders:
                minder.cancel()
        if not work.done():
            self._emitter.tell_error(
                "tool", "tool_stuck", f"{tool.name} does not let itself be cancelled"
            )
        elif not work.cancelled():
            # It may have finished in spite of the cancelling, and then that is the truth.
            return work.result()
        return ToolResult(output=given_up.result() if given_up.done() else _FAILED, is_error=True)

    async def _call(self, tool: Tool, run: _Run) -> ToolResult:
        context = self._make_context(run.call, run.item.handle)
        context.when_updated(self._reporter(run))
        try:
            return await tool.call(run.call.arguments, context)
        except Exception as exc:  # noqa: BLE001  # the program's mistake: told, and answered
            return ToolResult(output=_FAILED, is_error=True, error=exc)

    async def _limit(self, tool: Tool, run: _Run, give_up: Callable[[str], None]) -> None:
        """Give a tool up that does not keep its own limit, or leaves the caller in silence."""
        if tool.timeout is not None:
            await clock.sleep_until(run.began + tool.timeout + _GRACE)
        else:
            await self._quiet.lasting(self._options.tool_timeout, since=run.silent_since)
        give_up(_GIVEN_UP)

    # What the caller hears meanwhile.

    async def _fill(self, filler: Filler, run: _Run) -> None:
        """Say fillers while the line is quiet; cancelled when the tool has returned."""
        for count in range(filler.most):
            wait = filler.every if count else filler.after
            await self._may_fill(run, wait)
            try:
                text = filler.text(run.call, count)
                if inspect.isawaitable(text):
                    text = await text
                    await self._may_fill(run, wait)  # at once, unless somebody spoke meanwhile
            except Exception as exc:  # noqa: BLE001  # the program's function: told, and no more of it
                kind = type(exc).__name__
                self._emitter.tell_error("tool", "filler_failed", f"{run.call.tool}: {kind}")
                return
            if text:
                await self._say_filler(text)

    async def _may_fill(self, run: _Run, wait: float) -> None:
        """Wait for the moment to say something; for ever if the reply was stopped."""
        while True:
            await self._quiet.lasting(wait, since=run.silent_since)
            others = {task for task in run.item.adopted if not task.done()}
            if not others and run.item.stopped is None:
                return
            # Something is about to be heard, or another tool waits for the caller.
            await asyncio.wait(others) if others else await asyncio.Future[None]()
            run.stirred = clock.now()

    async def _say_filler(self, text: str) -> None:
        saying = self._speech.say(text)
        self._unheard.add(saying.id)
        try:
            await saying
        finally:
            # What has begun is heard to its end; the rest would come after the answer.
            if saying.id in self._unheard:
                self._unheard.discard(saying.id)
                saying.interrupt(force=True)

    def _reporter(self, run: _Run) -> Callable[[str, bool], None]:
        loop = asyncio.get_running_loop()

        def report(text: str, say: bool) -> None:
            if run.result.done():
                return
            run.stirred = clock.now()
            said = say and not self._speech.mute
            self._emitter.tell(
                ToolProgress, tool=run.call.tool, call_id=run.call.call_id, text=text, said=said
            )
            if said:
                try:
                    self._speech.say(text)
                except HookflashError as exc:
                    self._emitter.tell_error("tool", exc.reason, f"{run.call.tool}: progress")

        def from_anywhere(text: str, say: bool) -> None:
            try:
                here = asyncio.get_running_loop() is loop
            except RuntimeError:
                here = False
            if here:
                report(text, say)
                return
            with suppress(RuntimeError):  # the loop is closed: nobody is left to be told
                loop.call_soon_threadsafe(report, text, say)

        return from_anywhere

    # The history.

    def _with_own_id(self, call: ToolCall) -> ToolCall:
        """Return the call under an id that no other has; small models count each answer anew."""
        if not call.call_id or call.call_id in self._known_ids:
            call = replace(call, call_id=new_id("call"))
        self._known_ids.add(call.call_id)
        return call

    def _answer(self, call: ToolCall, result: ToolResult) -> None:
        """Put a call's output into the history, unless it has one."""
        if any(waiting.call_id == call.call_id for waiting in self._history.open_calls()):
            self._history.add(_output(call, result))

    def _cut(self, text: str) -> str:
        most = self._options.tool_output_limit
        if len(text) <= most:
            return text
        return f"{text[:most]}\n[Cut here: {len(text) - most} more characters.]"


def _output(call: ToolCall, result: ToolResult) -> ToolOutput:
    return ToolOutput(
        call_id=call.call_id, tool=call.tool, output=result.output, is_error=result.is_error
    )


def _for_session(results: Iterable[ToolResult]) -> Iterator[ForSession]:
    """Find what is for the session among what tools returned, alone or in tuples."""
    for result in results:
        value = result.value
        parts = cast("tuple[object, ...]", value) if isinstance(value, tuple) else (value,)
        yield from (part for part in parts if isinstance(part, ForSession))
