"""A mind that follows rules does not sum up, nor answer supervisors, unless it was made to."""

from tests.agent.transfer_stage import at_desks

from hookflash.providers.fallback import FallbackLLM
from hookflash.providers.rules import RuleLLM
from hookflash.runtime import clock
from hookflash.testing import ScriptedLLM


def test_who_does_not_read_instructions_neither_sums_up_nor_answers_the_supervisor() -> None:
    async def main() -> None:
        async with at_desks(script=()) as place:
            place.stage.llm.reads_instructions = False
            transfer = place.begin()
            await place.briefed()
            (ready,) = (each for each in place.told if each.phase == "summary_ready")
            assert ready.data["source"] == "fallback"
            await place.supervisor_says("Yes, I do.")
            assert (await transfer).success
            assert not place.stage.llm.requests

    clock.run(main(), virtual=True)


def test_rules_read_no_instructions_nor_does_a_model_that_rules_stand_in_for() -> None:
    async def main() -> None:
        reads = [RuleLLM(), ScriptedLLM(), FallbackLLM([ScriptedLLM()])]
        assert [each.reads_instructions for each in reads] == [False, True, True]
        assert not FallbackLLM([ScriptedLLM(), RuleLLM()]).reads_instructions

    clock.run(main(), virtual=True)
