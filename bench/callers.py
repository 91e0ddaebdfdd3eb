"""The load: N callers that speak Twilio Media Streams, in a process of their own.

One loop without a framework, since it must cost less than what it measures: sockets that never
block, a ring of callers in the order of their deadlines, `epoll` between two of them. Each caller
sends 20 ms of mu-law on absolute deadlines, two seconds of speech and two of silence by turns;
keeps the FIFO of audio and marks that Twilio keeps; and answers marks and pings.

Prints JSON lines: `{"at": "warm"}`, `{"at": "begin"}`, `{"at": "end"}`, and what it found.
"""

import argparse
import gc
import json
import secrets
import select
import socket
import sys
import time
import urllib.parse
import urllib.request
import xml.etree.ElementTree as ET
from array import array
from base64 import b64encode
from collections import deque
from urllib.parse import urlsplit

from websockets.frames import Opcode
from websockets.speedups import apply_mask

from bench.gauge import tell, usage
from bench.heard import MISSED_AFTER, Heard, Tally, percentile
from bench.speech import SILENCE, speech_frames
from hookflash.wire.signatures import twilio_signature

__all__ = ["ACCOUNT", "TOKEN"]

ACCOUNT = "AC" + "0" * 32
TOKEN = "bench"  # noqa: S105  # of a dummy account

_FRAME = 0.02
_SPEECH_FRAMES = 100
_CYCLE = 2 * _SPEECH_FRAMES
_REST = 0.5
"""Seconds for a server to finish with calls that have ended."""
_NAP = 0.0003
"""Seconds of sleep between two looks at the sockets: how exact arrival times are."""
_GOLDEN = 0.618034
_MOST_UNSENT = 1_000_000


class Caller:
    """One call: its socket, its place in the cycle, the buffer that its carrier plays from."""

    def __init__(self, number: int, url: str, headers: dict[str, str], heard: Heard) -> None:
        self.heard = heard
        self.stream = f"MZ{number:032x}"
        self.closed = False
        self.first = 0
        """Where in the cycle it begins."""
        self._mask = secrets.token_bytes(4)
        self._received = bytearray()
        self._unsent = bytearray()
        self._sequence = 0
        self._plays_until = 0.0
        self._marks: deque[tuple[float, str]] = deque()
        self.socket = _upgrade(url, headers)

    def start(self, call: str, parameters: dict[str, str]) -> None:
        """Greet and describe the stream."""
        self._say({"event": "connected", "protocol": "Call", "version": "1.0.0"})
        described = {
            "accountSid": ACCOUNT,
            "streamSid": self.stream,
            "callSid": call,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": parameters,
        }
        self._number({"event": "start", "start": described})

    def send_audio(self, index: int, payload: str, now: float) -> None:
        """Send 20 ms of base64; give back the marks that were passed meanwhile."""
        self._sequence += 1
        self._send(
            f'{{"event":"media","sequenceNumber":"{self._sequence}","media":{{"track":"inbound",'
            f'"chunk":"{index + 1}","timestamp":"{index * 20}","payload":"{payload}"}},'
            f'"streamSid":"{self.stream}"}}'.encode()
        )
        while self._marks and self._marks[0][0] <= now:
            self._return_mark(self._marks.popleft()[1])

    def receive(self, now: float) -> None:
        """Take what has come."""
        try:
            data = self.socket.recv(65_536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.closed = True
            return
        buffer = self._received
        buffer += data
        at = 0
        while len(buffer) - at >= 2:
            size, head = buffer[at + 1], 2
            if size == 126:
                size, head = int.from_bytes(buffer[at + 2 : at + 4]), 4
            elif size == 127:
                size, head = int.from_bytes(buffer[at + 2 : at + 10]), 10
            if len(buffer) - at < head + size:
                break
            self._take(buffer[at] & 0x0F, bytes(buffer[at + head : at + head + size]), now)
            at += head + size
        del buffer[:at]

    def hang_up(self) -> None:
        """End as Twilio does: say so, then close."""
        if not self.closed:
            self._number({"event": "stop", "stop": {"accountSid": ACCOUNT}})
            self._send((1000).to_bytes(2), Opcode.CLOSE)

    def _take(self, opcode: int, payload: bytes, now: float) -> None:
        if opcode == Opcode.PING:
            self._send(payload, Opcode.PONG)
        elif opcode == Opcode.CLOSE:
            self.closed = True
        elif b'"media"' in payload[:20]:
            # Only the length of the audio is of interest: that of its base64, without decoding.
            end = payload.rindex(b'"')
            encoded = end - payload.rindex(b'"', 0, end) - 1
            seconds = (encoded * 3 // 4 - payload.count(b"=", end - 2, end)) / 8000
            self._plays_until = max(self._plays_until, now) + seconds
            self.heard.audio(now, seconds)
        elif b'"mark"' in payload[:20]:
            name = json.loads(payload)["mark"]["name"]
            if self._plays_until <= now:
                self._return_mark(name)
            else:
                self._marks.append((self._plays_until, name))
        elif b'"clear"' in payload[:20]:
            self._plays_until = now
            self.heard.cleared(now)
            while self._marks:
                self._return_mark(self._marks.popleft()[1])

    def _return_mark(self, name: str) -> None:
        self._number({"event": "mark", "mark": {"name": name}})

    def _number(self, message: dict[str, object]) -> None:
        self._sequence += 1
        numbered = {"sequenceNumber": str(self._sequence), "streamSid": self.stream}
        self._say(message | numbered)

    def _say(self, message: dict[str, object]) -> None:
        self._send(json.dumps(message).encode())

    def _send(self, payload: bytes, opcode: int = Opcode.TEXT) -> None:
        size = len(payload)
        length = bytes((0x80 | size,)) if size < 126 else b"\xfe" + size.to_bytes(2)
        head = bytes((0x80 | opcode,)) + length
        self._unsent += head + self._mask + apply_mask(payload, self._mask)
        try:
            sent = self.socket.send(self._unsent)
        except BlockingIOError:
            self.closed = len(self._unsent) > _MOST_UNSENT
        except OSError:
            self.closed = True
        else:
            del self._unsent[:sent]


def _upgrade(url: str, headers: dict[str, str]) -> socket.socket:
    """Open a WebSocket, waiting for it; return its socket, which then never blocks."""
    parts = urlsplit(url)
    link = socket.create_connection((parts.hostname or "", parts.port or 80), timeout=30)
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    lines = {
        "Host": parts.netloc,
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": b64encode(secrets.token_bytes(16)).decode(),
        "Sec-WebSocket-Version": "13",
        **headers,
    }
    fields = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    link.sendall(f"GET {parts.path} HTTP/1.1\r\n{fields}\r\n".encode())
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        # Byte by byte, so as not to take frames that follow.
        answer += link.recv(1) or b"\r\n\r\n"
    if b" 101 " not in answer.partition(b"\r\n")[0]:
        raise SystemExit(f"no WebSocket at {url}: {answer[:80]!r}")
    link.setblocking(False)
    return link


def place_call(number: int, url: str, heard: Heard) -> Caller:
    """Call the server as its carrier would.

    A URL that ends in `/voice` is a signed webhook whose TwiML says where the stream goes, with
    what parameters; the upgrade is signed, too. Any other URL is the stream's own.
    """
    call = f"CA{number:032x}"
    parameters: dict[str, str] = {}
    headers: dict[str, str] = {}
    if url.endswith("/voice"):
        form = {"CallSid": call, "AccountSid": ACCOUNT, "From": "+15550199", "To": "+15550100"}
        signed = {"X-Twilio-Signature": twilio_signature(TOKEN, url, form.items())}
        body = urllib.parse.urlencode(form).encode()
        request = urllib.request.Request(url, body, signed)  # noqa: S310  # our own server
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(request, timeout=30) as answer:
            stream = ET.fromstring(answer.read()).find(".//Stream")  # noqa: S314  # our own server
        if stream is None:
            raise SystemExit("the server did not take the call")
        url = stream.attrib["url"]
        parameters = {one.attrib["name"]: one.attrib["value"] for one in stream}
        headers = {"X-Twilio-Signature": twilio_signature(TOKEN, url)}
    caller = Caller(number, url, headers, heard)
    caller.start(call, parameters)
    return caller


class Load:
    """Callers on a ring, each at its own moment of the 20 ms and of the cycle."""

    def __init__(self, callers: list[Caller]) -> None:
        self.callers = callers
        self.late = array("d")
        """How late each of our own frames was."""
        self._payloads = [b64encode(frame).decode() for frame in speech_frames(2.0)]
        self._payloads += [b64encode(SILENCE).decode()] * _SPEECH_FRAMES
        self._poll = select.epoll()
        self._by_file = {caller.socket.fileno(): caller for caller in callers}
        for file in self._by_file:
            self._poll.register(file, select.EPOLLIN)
        self._round = 0
        self._next = 0
        self._origin = time.monotonic() + 0.1
        for number, caller in enumerate(callers):
            caller.first = int(number * _GOLDEN % 1 * _CYCLE)

    def run_until(self, end: float) -> float:
        """Go on until then; return when it is."""
        while (now := time.monotonic()) < end:
            due = self._due()
            while due <= now:
                self._send(now, due)
                due = self._due()
                now = time.monotonic()
            for file, _ in self._poll.poll(0):
                caller = self._by_file[file]
                caller.receive(time.monotonic())
                if caller.closed:
                    self._poll.unregister(file)
            time.sleep(max(0.0, min(_NAP, due - time.monotonic())))
        return now

    def _due(self) -> float:
        return self._origin + (self._round + self._next / len(self.callers)) * _FRAME

    def _send(self, now: float, due: float) -> None:
        caller, index = self.callers[self._next], self._round
        self._next += 1
        if self._next == len(self.callers):
            self._next = 0
            self._round += 1
        if caller.closed:
            return
        self.late.append(now - due)
        place = (caller.first + index) % _CYCLE
        if place == 0:
            # A frame is sent when its last sample was spoken.
            caller.heard.speech_began(now - _FRAME)
        caller.send_audio(index, self._payloads[place], now)
        if place == _SPEECH_FRAMES - 1:
            caller.heard.speech_ended(now)


def main() -> None:
    """Call, listen, tell."""
    parser = argparse.ArgumentParser(prog="python -m bench.callers")
    parser.add_argument("url")
    parser.add_argument("--calls", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--lead", type=float, required=True)
    parser.add_argument("--settle", type=float, required=True)
    options = parser.parse_args()
    gc.disable()

    first = Load([place_call(0, options.url, Heard(Tally(), lead=options.lead))])
    first.run_until(time.monotonic() + options.settle)
    first.callers[0].hang_up()
    time.sleep(_REST)
    tell({"at": "warm"})
    sys.stdin.readline()

    tally = Tally()
    callers = [
        place_call(number, options.url, Heard(tally, lead=options.lead))
        for number in range(1, options.calls + 1)
    ]
    load = Load(callers)
    begin = load.run_until(time.monotonic() + options.settle)
    for caller in callers:
        caller.heard.count(begin, begin + options.seconds)
    load.late = array("d")
    before = usage()
    tell({"at": "begin"})
    load.run_until(begin + options.seconds)
    tell({"at": "end"})
    after = usage()
    late = load.late
    now, latest = time.monotonic(), begin + options.seconds + MISSED_AFTER + 2 * _FRAME
    while now < latest and any(caller.heard.waits for caller in callers):
        now = load.run_until(now + 2 * _FRAME)
    for caller in callers:
        caller.heard.check(now)
    lost = sum(caller.closed for caller in callers)
    for caller in callers:
        caller.hang_up()
    time.sleep(_REST)
    tell(
        {
            "late_ms": _milliseconds(tally.late),
            "jitter_ms": _milliseconds(tally.jitter),
            "turn_ms": _milliseconds(tally.turns),
            "barge_in_ms": _milliseconds(tally.barge_ins),
            "turns": len(tally.turns),
            "missed_turns": tally.missed_turns,
            "barge_ins": len(tally.barge_ins),
            "missed_barge_ins": tally.missed_barge_ins,
            "lost_calls": lost,
            "own_cpu": (after["cpu"] - before["cpu"]) / (after["at"] - before["at"]),
            "own_late_ms": _milliseconds(late),
        }
    )


def _milliseconds(values: "array[float]") -> list[float]:
    """Half, 99 of 100, and the most."""
    return [round(1000 * percentile(values, share), 2) for share in (0.5, 0.99, 1.0)]


if __name__ == "__main__":
    main()
