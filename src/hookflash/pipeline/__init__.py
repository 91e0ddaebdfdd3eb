"""Audio in, words, thought, audio out: the parts between a leg and an agent."""

from hookflash.pipeline.pipeline import Pipeline
from hookflash.pipeline.sound import Sound

__all__ = ["Pipeline", "Sound"]
