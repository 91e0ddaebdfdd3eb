"""What a session tells of its providers."""

from hookflash.events.base import named
from hookflash.events.session import SessionRecord

__all__ = ["ProviderSwitched"]


@named("provider.switched")
class ProviderSwitched(SessionRecord, frozen=True, kw_only=True):
    """From now on another provider is asked, by all calls that share it.

    Attributes:
        stage: `stt`, `llm` or `tts`.
        old: the name of the one that was asked until now.
        new: the name of the one that is asked from now on.
        reason: why the old one is not asked any more, as `HookflashError.reason`, or `slow`; or
            `recovered`, if the new one works again.
    """

    stage: str
    old: str
    new: str
    reason: str
