"""What a synthesiser is given for what a model wrote."""

from hookflash.pipeline.wording.alignment import Edit, SpokenText
from hookflash.pipeline.wording.text import DateOrder, TextForSpeech, UtteranceWording

__all__ = ["DateOrder", "Edit", "SpokenText", "TextForSpeech", "UtteranceWording"]
