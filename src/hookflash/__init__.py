"""AI phone agents for real phone lines.

Write an `Agent`, give it a `Pipeline` (ears, mind, voice), and let an `AgentSession` run it on a
`Call` that an `App` took from a carrier. Everything below these names is a room of its own; see
`ARCHITECTURE.md`.
"""

import logging

from hookflash.agent import (
    Agent,
    AgentSession,
    BackgroundAudioHandlerConfig,
    HoldMusic,
    RunContext,
    SessionOptions,
    SpeechMode,
    StopResponse,
    TextForSpeech,
    ToolError,
    UtteranceHandle,
    VoiceMailDetector,
    WakeUpStep,
    WarmTransferAgent,
    function_tool,
    wake_up_ladder,
)
from hookflash.calls import Call, CallNotAnswered, TransferOutcome
from hookflash.calls.transfer_types import (
    PhoneDestination,
    SIPDestination,
    WarmTransferConfig,
    WarmTransferError,
    WarmTransferPhase,
    WarmTransferReason,
    WarmTransferResult,
)
from hookflash.errors import HookflashError
from hookflash.pipeline import Pipeline, Sound
from hookflash.server import App, Settings

# A library says nothing unless its user wants to hear it; programs call `runtime.log.set_up`.
logging.getLogger("hookflash").addHandler(logging.NullHandler())

__version__ = "0.1.0.dev0"

__all__ = [
    "Agent",
    "AgentSession",
    "App",
    "BackgroundAudioHandlerConfig",
    "Call",
    "CallNotAnswered",
    "HoldMusic",
    "HookflashError",
    "PhoneDestination",
    "Pipeline",
    "RunContext",
    "SIPDestination",
    "SessionOptions",
    "Settings",
    "Sound",
    "SpeechMode",
    "StopResponse",
    "TextForSpeech",
    "ToolError",
    "TransferOutcome",
    "UtteranceHandle",
    "VoiceMailDetector",
    "WakeUpStep",
    "WarmTransferAgent",
    "WarmTransferConfig",
    "WarmTransferError",
    "WarmTransferPhase",
    "WarmTransferReason",
    "WarmTransferResult",
    "__version__",
    "function_tool",
    "wake_up_ladder",
]
