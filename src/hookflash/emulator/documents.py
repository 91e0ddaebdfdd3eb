"""Getting documents, and what is the same wherever they are carried out: saying and playing."""

import asyncio
from collections.abc import Mapping
from typing import Final

from hookflash.emulator.account import Account
from hookflash.emulator.call import Document
from hookflash.emulator.line import cut, keypad_frames
from hookflash.emulator.sound import Clip, Output, wav_pcm
from hookflash.emulator.webhooks import MAX_MEDIA_BYTES, NoReply, join_address
from hookflash.errors import ProtocolError, UsageError
from hookflash.wire.twiml import MAX_SAY_CHARACTERS, Pause, Play, Redirect, Response, Say, parse

__all__ = ["Player", "perform", "read"]

_XML: Final = frozenset({"text/xml", "application/xml", "text/html"})


async def read(
    account: Account, document: Document, fields: Mapping[str, str], *, call_sid: str | None
) -> Response | NoReply:
    """Fetch a document and parse it, with notices of what is odd in it.

    Args:
        account: whose.
        document: where it is, or itself.
        fields: to send beside the document's own.
        call_sid: for log and notices.

    Returns:
        What it says; a sound in its place is `Play`, a plain text `Say`. Or why there is none.
    """
    text: str | bytes
    if document.twiml is not None:
        text = document.twiml
    else:
        assert document.url is not None
        reply = await account.webhooks.request(
            document.purpose,
            document.url,
            document.method,
            dict(fields) | dict(document.params),
            call_sid=call_sid,
        )
        if isinstance(reply, NoReply):
            return reply
        if reply.status == 204:
            return Response()
        if reply.media_type.startswith("audio/"):
            return Response((Play(document.url),))
        if reply.media_type == "text/plain":
            return Response((Say(reply.text),))
        if reply.media_type not in _XML:
            kind = reply.media_type or "nothing"
            return NoReply("12300", f"the answer is announced as {kind}, not text/xml")
        text = reply.body
    try:
        parsed = parse(text)
    except ProtocolError as exc:
        return NoReply(exc.code or "12100", str(exc))
    for warning in parsed.warnings:
        account.notice(
            warning.code,
            f"{warning.message} (line {warning.line})",
            call_sid=call_sid,
            url=document.url or "",
            level="warning",
        )
    return parsed.response


class Player:
    """Says and plays into one output."""

    def __init__(self, account: Account, output: Output, *, call_sid: str | None) -> None:
        """Prepare.

        Args:
            account: whose voice.
            output: what is played into.
            call_sid: for log and notices.
        """
        self._account = account
        self._output = output
        self._call_sid = call_sid

    async def say(self, verb: Say) -> None:
        """Speak a text; one that is empty or too long is left out, with a notice."""
        if not verb.text or len(verb.text) > MAX_SAY_CHARACTERS:
            self._account.notice(
                "13520",
                f"<Say> takes 1 to {MAX_SAY_CHARACTERS} characters",
                call_sid=self._call_sid,
                level="warning",
            )
            return
        await self.repeat(cut(await self._account.voice(verb.text, verb.voice)), verb.loop)

    async def play(self, url: str, times: int) -> None:
        """Play a WAV file; one that cannot be had or read is left out, with a notice.

        Args:
            url: absolute.
            times: how often; 0 is without end.
        """
        reply = await self._account.webhooks.request(
            "media", url, "GET", call_sid=self._call_sid, limit=MAX_MEDIA_BYTES
        )
        if isinstance(reply, NoReply):
            self._account.notice(reply.code, reply.message, call_sid=self._call_sid, url=url)
            return
        try:
            pcm = wav_pcm(reply.body)
        except UsageError as exc:
            self._account.notice(
                "12300",
                f"<Play> knows WAV files only here: {exc}",
                call_sid=self._call_sid,
                url=url,
            )
            return
        await self.repeat(cut(pcm), times)

    async def press(self, digits: str) -> None:
        """Play the tones of keys."""
        await self.repeat([frame for frame, _ in keypad_frames(digits, audible=True)], 1)

    async def repeat(self, frames: list[bytes], times: int) -> None:
        """Play frames so often; 0 is without end."""
        played = 0
        while frames and (times == 0 or played < times):
            clip = Clip(frames)
            with self._output.playing(clip):
                await clip.done
            played += 1


async def perform(
    account: Account,
    document: Document,
    output: Output,
    fields: Mapping[str, str],
    *,
    call_sid: str | None,
    sounds_loop: bool,
) -> NoReply | None:
    """Play a document that only speaks: while a party waits, is on hold, or to announce something.

    `Say`, `Play`, `Pause` and `Redirect` are carried out, other verbs left out with a notice.

    Args:
        account: whose.
        document: where it is.
        output: what is played into.
        fields: to send beside the document's own.
        call_sid: for log and notices.
        sounds_loop: whether a sound in place of a document is played without end.

    Returns:
        Why a document could not be had, with a notice; None when it has been played.
    """
    player = Player(account, output, call_sid=call_sid)
    following: Document | None = document
    for _ in range(account.settings.max_documents):
        if following is None:
            return None
        document, following = following, None
        response = await read(account, document, fields, call_sid=call_sid)
        if isinstance(response, NoReply):
            account.notice(
                response.code, response.message, call_sid=call_sid, url=document.url or ""
            )
            return response
        for verb in response.verbs:
            match verb:
                case Say():
                    await player.say(verb)
                case Pause(length=length):
                    await asyncio.sleep(length)
                case Play(digits=str(digits)):
                    await player.press(digits)
                case Play(url=str(url)):
                    is_sound = response.verbs == (Play(document.url),)
                    target = join_address(document.url, url)
                    if target is not None:
                        await player.play(target, 0 if is_sound and sounds_loop else verb.loop)
                case Redirect(url=url, method=method):
                    target = join_address(document.url, url or document.url or "")
                    if target is not None:
                        following = Document(url=target, method=method, purpose=document.purpose)
                    break
                case _:
                    account.notice(
                        "12200",
                        f"<{type(verb).__name__}> is not possible here",
                        call_sid=call_sid,
                        url=document.url or "",
                        level="warning",
                    )
    account.notice("11200", "these documents run in circles", call_sid=call_sid)
    return None
