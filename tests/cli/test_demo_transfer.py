"""The demos of transfers, as a person watches them: on real sockets, on virtual time."""

import asyncio
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from hookflash.audio.frames import samples
from hookflash.audio.wav import read_wav, split
from hookflash.cli import main
from hookflash.errors import UsageError
from hookflash.providers.espeak import EspeakTTS
from hookflash.providers.local import speak_pcm
from hookflash.runtime.replay import replay

runner = CliRunner()

PHASES = (
    "started",
    "caller_on_hold",
    "summary_generating",
    "summary_ready",
    "consultation_room_created",
    "supervisor_dialed",
    "supervisor_joined",
    "briefing_started",
    "briefing_complete",
    "call_switched",
    "transfer_complete",
)
SUMMARY = "A patient says that they were charged twice for a cleaning."


def demo(*arguments: str, folder: Path) -> list[str]:
    """Play one, which must go well; return the lines that were shown."""
    given = ["demo", *arguments, "--fast", "--record", str(folder)]
    result = runner.invoke(main._cli, given, env={"COLUMNS": "120"}, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert "NO " not in result.output
    return result.output.splitlines()


def timeline(shown: list[str]) -> tuple[list[str], list[str]]:
    """Return the phases, and what happened to calls, in the order of the printed timeline."""
    rows = [
        line.split(maxsplit=1)[1]
        for line in shown[shown.index("The transfer, in seconds") :]
        if line[:7].strip().replace(".", "").isdigit()
    ]
    steps = [row for row in rows if ": " in row]
    return [row for row in rows if row not in steps], steps


@pytest.mark.slow
def test_a_caller_is_handed_to_ann_and_each_of_three_is_on_a_track_of_their_own(
    tmp_path: Path,
) -> None:
    shown = demo("--transfer", folder=tmp_path)
    phases, steps = timeline(shown)
    assert tuple(phases) == PHASES
    assert sorted(steps) == [
        "Ann: accepted",
        "Ann: answered",
        "Ann: connected",
        "Ann: dialled",
        "Ann: hangs up",
        "Ann: is a person",
        "Ann: ringing",
        "caller: call ended",
    ]
    assert f"Told to Ann {SUMMARY}" in shown
    assert "Result      Ann has the caller" in shown
    assert sum(line.startswith("  yes  ") for line in shown) == 5
    paths = {line.split()[0]: Path(line.split()[1]) for line in shown if str(tmp_path) in line}
    assert sorted(paths) == ["Record", "Recording", "Tape", "Transcript"]
    assert replay(paths["Tape"].read_bytes().splitlines()).differences == ()
    assert runner.invoke(main._cli, ["record", str(paths["Record"])]).exit_code == 0

    # What the agent says to Ann is on its track, too; espeak never says the same twice.
    tracks = split(read_wav(paths["Recording"]).pcm, 3)
    for speaker, (voice, words) in enumerate(
        (
            (
                EspeakTTS("en-us+f2", words_per_minute=140),
                "I was charged twice for my cleaning on Monday.",
            ),
            (EspeakTTS(), "Hello, I have a caller for you."),
            (EspeakTTS("en-us+f5", words_per_minute=140, pitch=70), "You are welcome. Goodbye."),
        )
    ):
        likeness = [alike(track, spoken(voice, words)) for track in tracks]
        own = likeness.pop(speaker)
        assert own > 0.3, words
        assert max(likeness) < 0.2, words


def spoken(voice: EspeakTTS, words: str) -> bytes:
    async def speak() -> bytes:
        try:
            return await speak_pcm(voice, words, 8000)
        finally:
            await voice.aclose()

    return asyncio.run(speak())


def alike(track: bytes, words: bytes) -> float:
    """Return how much the track is like these words where it is most like them: 0 to 1."""
    where = samples(track).astype(np.float64)
    what = samples(words).astype(np.float64)
    size = 1 << (len(where) + len(what)).bit_length()
    found = np.fft.irfft(np.fft.rfft(where, size) * np.conj(np.fft.rfft(what, size)))[: len(where)]
    energy = np.concatenate(([0.0], np.cumsum(where**2)))
    lengths = np.minimum(np.arange(len(where)) + len(what), len(where))
    around = energy[lengths] - energy[: len(where)]
    # Not where there is next to nothing: noise is like everything.
    loud = around > 0.1 * float(np.sum(what**2))
    return float(np.max(found[loud] / np.sqrt(around[loud] * np.sum(what**2)), initial=0.0))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("way", "result", "last", "told"),
    [
        ("voicemail", "voicemail", "Ann: ended by the agent, voicemail", "nothing"),
        (
            "declines",
            "declined (with a patient)",
            "Ann: ended by the agent, declined",
            SUMMARY,
        ),
        (
            "no-answer",
            "supervisor_no_answer",
            "Ann: ended by the agent, supervisor_no_answer",
            "nothing",
        ),
        (
            "caller-hangs-up",
            "caller_disconnected",
            "Ann: ended by the agent, caller_disconnected",
            f"{SUMMARY} (not to its end)",
        ),
    ],
)
def test_a_transfer_that_comes_to_nothing_is_shown_with_its_reason(
    way: str, result: str, last: str, told: str, tmp_path: Path
) -> None:
    shown = demo(f"--transfer={way}", folder=tmp_path)
    phases, steps = timeline(shown)
    assert phases[-1] == "transfer_cancelled"
    assert "call_switched" not in phases
    assert last in steps
    assert f"Told to Ann {told}" in shown
    assert f"Result      no transfer: {result}" in shown


def test_the_way_may_also_be_a_word_of_its_own(tmp_path: Path) -> None:
    for given in (["--transfer", "poetry"], ["--transfer=poetry", "--fast"]):
        with pytest.raises(UsageError) as refused:
            runner.invoke(main._cli, ["demo", *given], catch_exceptions=False)
        assert str(refused.value) == (
            "--transfer is 'poetry'; give accepts, voicemail, declines, no-answer, caller-hangs-up"
        )


@pytest.mark.parametrize("more", [["--task", "email"], ["--text"], ["--model", "m"]])
def test_a_transfer_is_a_call_of_its_own(more: list[str]) -> None:
    for given in (["--transfer", *more], [*more, "--transfer"]):
        with pytest.raises(UsageError, match="leave out --task, --text, --llm and --model"):
            runner.invoke(main._cli, ["demo", *given], catch_exceptions=False)
