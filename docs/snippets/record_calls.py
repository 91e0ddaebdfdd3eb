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
