"""What a synthesiser is given for what a model wrote."""

from hookflash import Agent, AgentSession, Pipeline, SessionOptions, TextForSpeech

WORDING = TextForSpeech(
    "en-GB",
    lexicon={"SQL": "sequel", "Nguyen": "win", "harbour dental": "Harbour Dental, in Leith"},
    replace={r"\bT-(\d+)\b": r"tier \1"},
)


def make_session(pipeline: Pipeline) -> AgentSession[None]:
    return AgentSession(Agent("Be brief."), pipeline, options=SessionOptions(wording=WORDING))


def test_what_is_said() -> None:
    worded = WORDING.of("Ms. Nguyen, your **T-2** plan is £12.50 from 3/4/2026.")
    assert worded.spoken == (
        "Miz win, your tier 2 plan is twelve pounds and fifty pence "
        "from April third, twenty twenty-six."
    )
