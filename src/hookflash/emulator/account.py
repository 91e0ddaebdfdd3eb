"""The account: its secrets, its settings, its debugger, and what all its calls share."""

import ssl
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from hookflash.emulator.faults import Faults
from hookflash.emulator.log import EventLog, Failure, Lint, Notice
from hookflash.emulator.media_socket import MediaSocket
from hookflash.emulator.sids import Sids
from hookflash.emulator.voice import Voice
from hookflash.emulator.webhooks import Webhooks
from hookflash.runtime.tasks import TaskOwner

__all__ = ["Account", "EmulatorSettings", "Recording"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EmulatorSettings:
    """How the emulated network behaves where the vendor leaves a choice, and its limits.

    Attributes:
        setup_seconds: from `initiated` until the far end is reached.
        ring_grace: seconds that the vendor rings longer than the `timeout` it was given.
        ws_on_loopback: take `ws://` for hosts on this machine. The vendor takes only `wss://`;
            everywhere else it is refused with 31922.
        tls: for `wss://` with a certificate of one's own; None trusts what the system trusts.
        keys_audible: a pressed key is also heard as a tone in the caller's audio.
        record_lines: keep what far ends hear and say (`line.heard`, `line.spoke`). Without, a
            load generator needs 16 KB less for each second of speech.
        max_calls: REST requests and callers beyond so many live calls are refused.
        max_documents: a call that asks for more documents than this runs in circles; it is ended.
        lint_queued_seconds: warn when an application has sent more audio than this ahead.
        lint_pending_marks: warn when an application waits for more marks than this.
    """

    setup_seconds: float = 0.1
    ring_grace: float = 5.0
    ws_on_loopback: bool = True
    tls: ssl.SSLContext | None = None
    keys_audible: bool = False
    record_lines: bool = True
    max_calls: int = 2000
    max_documents: int = 1000
    lint_queued_seconds: float = 10.0
    lint_pending_marks: int = 100


@dataclass(slots=True, kw_only=True)
class Recording:
    """What `<Record>` or a `<Conference>` recorded.

    Attributes:
        sid: RE...
        call_sid: whose call; of a conference's, of whoever set it up.
        pcm: PCM16 mono at 8 kHz.
        status: `in-progress`, `completed` or `absent`.
        source: the vendor's word for what made it.
        started: when.
        conference_sid: CF..., of a conference's.
    """

    sid: str
    call_sid: str
    pcm: bytes
    status: Literal["in-progress", "completed", "absent"]
    source: str
    started: datetime
    conference_sid: str | None = None

    @property
    def seconds(self) -> int:
        """Length in whole seconds, as the vendor counts."""
        return round(len(self.pcm) / 16_000)


class Account:
    """What the calls of one account share."""

    def __init__(
        self,
        *,
        sid: str,
        auth_token: str,
        sids: Sids,
        voice: Voice,
        settings: EmulatorSettings,
    ) -> None:
        self.sid = sid
        self.auth_token = auth_token
        self.sids = sids
        self.voice = voice
        self.settings = settings
        self.log = EventLog()
        self.faults = Faults()
        self.webhooks = Webhooks(auth_token=auth_token, log=self.log, is_lost=self.faults.is_lost)
        self.tasks = TaskOwner("emulator", on_error=self._failed)
        self.recordings: dict[str, Recording] = {}
        self.sockets: set[MediaSocket] = set()
        """The media sockets that are not gone yet."""
        self.base_url = ""
        """Where the REST interface listens, without a trailing slash."""

    @property
    def path(self) -> str:
        """The account's part of REST paths."""
        return f"/2010-04-01/Accounts/{self.sid}"

    def notice(
        self,
        code: str,
        message: str,
        *,
        call_sid: str | None = None,
        url: str = "",
        level: Literal["error", "warning"] = "error",
    ) -> None:
        """Write what the vendor would show in its debugger."""
        sid = self.sids.new("NO")
        self.log.add(
            Notice(code=code, message=message, call_sid=call_sid, url=url, level=level, sid=sid)
        )

    def lint(self, rule: str, message: str, *, call_sid: str | None = None) -> None:
        """Write that something works here and will hurt on the real network."""
        self.log.add(Lint(rule=rule, message=message, call_sid=call_sid))

    def _failed(self, where: str, error: BaseException) -> None:
        self.log.add(Failure(where=where, error=error))
