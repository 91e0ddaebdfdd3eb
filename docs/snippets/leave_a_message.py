"""Phone somebody; if a machine answers, leave a message."""

from hookflash import Agent, AgentSession, App, Pipeline, VoiceMailDetector
from hookflash.events.voicemail import MessageLeft, VoicemailDetected, VoicemailVerdict


class Reminder(Agent):
    def __init__(self) -> None:
        super().__init__("You remind patients of their appointments.")

    async def on_enter(self) -> None:
        self.session.say("Hello, this is the surgery. Your appointment is tomorrow at nine.")


async def remind(app: App, pipeline: Pipeline, number: str) -> str:
    """Phone a patient; return what came of it."""
    session: AgentSession[None] = AgentSession(
        Reminder(),
        pipeline,
        voice_mail_detector=VoiceMailDetector(
            message="This is the surgery. Please call us back on 555 01 00. Goodbye.",
        ),
    )
    outcome = "spoken to"

    @session.on(VoicemailDetected)
    def judged(event: VoicemailDetected) -> None:
        nonlocal outcome
        if event.result is not VoicemailVerdict.HUMAN:
            outcome = f"answered by: {event.result}"

    @session.on(MessageLeft)
    def left(event: MessageLeft) -> None:
        nonlocal outcome
        outcome = "message left" if event.whole else "message cut off"

    call = await app.dial(number, from_="+15550100")
    await session.start(call, run_until_shutdown=True)
    return outcome


def with_a_callback(session_of_mine: list[AgentSession[None]]) -> VoiceMailDetector:
    """Decide in your own code what a machine is told."""

    async def machine_answered(event: VoicemailDetected) -> None:
        session = session_of_mine[0]
        # Held until the beep; then it is spoken.
        await session.say("Please call us back. Goodbye.", interruptible=False)
        await session.hangup("voicemail")

    return VoiceMailDetector(callback=machine_answered)
