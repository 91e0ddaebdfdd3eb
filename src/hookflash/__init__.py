"""AI phone agents for real phone lines.

Write an `Agent`, give it a `Pipeline` (ears, mind, voice), and let an `AgentSession` run it on a
`Call` that an `App` took from a carrier. Everything below these names is a room of its own; see
`ARCHITECTURE.md`.
"""

import logging

from hookflash.agent import (
    Agent,
    AgentSession,
    RunContext,
    SessionOptions,
    StopResponse,
    ToolError,
    UtteranceHandle,
    function_tool,
)
from hookflash.calls import Call, CallNotAnswered
from hookflash.errors import HookflashError
from hookflash.pipeline import Pipeline
from hookflash.server import App, Settings

# A library says nothing unless its user wants to hear it; programs call `runtime.log.set_up`.
logging.getLogger("hookflash").addHandler(logging.NullHandler())

__version__ = "0.1.0.dev0"

__all__ = [
    "Agent",
    "AgentSession",
    "App",
    "Call",
    "CallNotAnswered",
    "HookflashError",
    "Pipeline",
    "RunContext",
    "SessionOptions",
    "Settings",
    "StopResponse",
    "ToolError",
    "UtteranceHandle",
    "__version__",
    "function_tool",
]
