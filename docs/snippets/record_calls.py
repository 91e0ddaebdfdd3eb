"""Recording a call with the caller's consent."""

from pathlib import Path

from hookflash import Agent, AgentSession, App, Call, Pipeline
from hookflash.agent import RecordingConfig
from hookflash.events.recording import RecordingStopped

app = App()
recording = RecordingConfig(
    folder=Path("recordings"),
    format="opus",
    consent="This call is recorded to train our staff. Is that all right?",
    require_consent=True,
)
by_party = RecordingConfig(folder=Path("recordings"), tracks="parties")


class FrontDesk(Agent):
    async def on_enter(self) -> None:
        self.session.say("Harbour Dental, how can I help?")


@app.on_call
async def answer(call: Call) -> None:
    session: AgentSession[None] = AgentSession(FrontDesk(), Pipeline.local(), recording=recording)

    @session.on(RecordingStopped)
    def file_away(stopped: RecordingStopped) -> None:
        print(f"{stopped.path}: {stopped.seconds:.0f} s, silent in {stopped.pauses}")

    await session.start(call, run_until_shutdown=True)


async def follow_to_the_end(session: AgentSession[None], call: Call) -> None:
    await session.start(call, run_until_shutdown=True)
    await call.wait_ended()  # after a transfer the caller and Ann talk on
    if call.recording is not None:
        print(f"{call.recording.path}: {call.recording.seconds:.0f} s")
