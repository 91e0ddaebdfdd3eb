"""Agents and their sessions: what a program writes, and what runs it on a call."""

from hookflash.agent.options import SessionOptions
from hookflash.agent.session import Agent, AgentSession, RunContext
from hookflash.agent.speech_queue import SpeechMode
from hookflash.agent.tools import StopResponse, ToolError, function_tool
from hookflash.agent.utterance import UtteranceHandle
from hookflash.agent.wake_up import WakeUpStep, wake_up_ladder

__all__ = [
    "Agent",
    "AgentSession",
    "RunContext",
    "SessionOptions",
    "SpeechMode",
    "StopResponse",
    "ToolError",
    "UtteranceHandle",
    "WakeUpStep",
    "function_tool",
    "wake_up_ladder",
]
