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
    function_tool,
    wake_up_ladder,
)
from hookflash.calls import Call, CallNotAnswered
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
    "Pipeline",
    "RunContext",
    "SessionOptions",
    "Settings",
    "Sound",
    "SpeechMode",
    "StopResponse",
    "TextForSpeech",
    "ToolError",
    "UtteranceHandle",
    "VoiceMailDetector",
    "WakeUpStep",
    "__version__",
    "function_tool",
    "wake_up_ladder",
]
