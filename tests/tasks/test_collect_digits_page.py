"""The program of the page on digits and menus, run."""

import asyncio

import pytest
from docs.snippets import collect_digits
from tests.agent.stage import Script, Stage

from hookflash.runtime import clock
from hookflash.testing import Calls


async def press(stage: Stage, keys: str) -> None:
    for key in keys:
        stage.leg.press(key)
        await asyncio.sleep(0.2)


def test_the_bank_asks_for_a_department_an_account_and_a_pin(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked_up: list[tuple[str, str]] = []

    def look_up(account: str, pin: str) -> str:
        looked_up.append((account, pin))
        return "twelve pounds"

    monkeypatch.setattr(collect_digits, "look_up", look_up)

    async def main() -> Stage:
        script: Script = [[Calls("balance")], "Twelve.", [Calls("check_invoice")], "Paid."]
        stage = Stage(collect_digits.Bank(), script)
        starting = asyncio.ensure_future(stage.session.start(stage.leg))
        await asyncio.sleep(5.0)
        await stage.caller_says("it is about a stolen card")
        await starting
        await stage.caller_says("my balance please")
        await asyncio.sleep(3.0)
        await press(stage, "123456")
        await asyncio.sleep(9.0)
        await press(stage, "1")
        await asyncio.sleep(4.0)
        await press(stage, "4217")
        await asyncio.sleep(3.0)
        await stage.caller_says("was my invoice paid")
        await asyncio.sleep(4.0)
        await press(stage, "#")
        await asyncio.sleep(4.0)
        await press(stage, "55501#")
        await asyncio.sleep(3.0)
        await stage.session.close()
        stage.leg.close()
        assert stage.session.call is not None
        await stage.session.call.aclose()
        return stage

    stage = clock.run(main(), virtual=True)
    assert looked_up == [("123456", "4217")]
    assert "assistant: You are with cards." in stage.items
    assert "output check_invoice: Invoice 55501 is paid." in stage.items
    assert not any("4217" in repr(context.items) for context in stage.llm.requests)
