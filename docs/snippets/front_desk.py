from hookflash import Agent, AgentSession, App, Call, Pipeline, function_tool

app = App()


class FrontDesk(Agent):
    async def on_enter(self) -> None:
        await self.session.say("Harbour Dental, how can I help?")

    @function_tool(phrases=("opening hours", "when are you open"))
    def opening_hours(self) -> str:
        """Tell when the practice is open."""
        return "We are open from nine to five, Monday to Friday."


@app.on_call
async def answer(call: Call) -> None:
    await AgentSession(FrontDesk(), Pipeline.local()).start(call, run_until_shutdown=True)
