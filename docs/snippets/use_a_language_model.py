"""A front desk that thinks with a language model."""

from hookflash import Agent, AgentSession, App, Call, Pipeline, SessionOptions, function_tool
from hookflash.providers.base import LLM, TextDelta
from hookflash.providers.chat import ChatContext, ChatMessage, ChatRole
from hookflash.providers.openai import OpenAILLM

app = App()


def mind_on_this_machine() -> OpenAILLM:
    return OpenAILLM(
        "llama3.1:8b",
        base_url="http://localhost:11434/v1",  # Ollama; no key
        first_token_timeout=60.0,  # the first request loads the model
    )


def mind_at_openai() -> OpenAILLM:
    return OpenAILLM("gpt-4.1-mini", max_output_tokens=300)  # the key is in OPENAI_API_KEY


async def try_out(llm: LLM, question: str) -> str:
    context = ChatContext([ChatMessage(role=ChatRole.USER, text=question)])
    async with llm:
        answer = llm.chat(context)
        return "".join([piece.text async for piece in answer if isinstance(piece, TextDelta)])


class FrontDesk(Agent):
    def __init__(self) -> None:
        super().__init__(
            "You answer the telephone for Harbour Dental. Speak in one or two short sentences, "
            "as one speaks, without lists or markup."
        )

    async def on_enter(self) -> None:
        await self.session.say("Harbour Dental, how can I help?")

    @function_tool(timeout=5.0)
    async def free_times(self, day: str, people: int = 1) -> list[str]:
        """Look up when there is a free place.

        Args:
            day: The day as the caller named it.
            people: How many come.
        """
        return [] if people > 2 else ["half past nine", "eleven"]


@app.on_call
async def answer(call: Call) -> None:
    pipeline = Pipeline.local(llm=mind_on_this_machine())
    options = SessionOptions(llm_within=60.0)
    await AgentSession(FrontDesk(), pipeline, options=options).start(call, run_until_shutdown=True)
