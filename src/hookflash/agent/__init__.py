"""Agents and their sessions: what a program writes, and what runs it on a call."""

from hookflash.agent.options import SessionOptions
from hookflash.agent.session import Agent, AgentSession, RunContext
from hookflash.agent.tools import StopResponse, ToolError, function_tool
from hookflash.agent.utterance import UtteranceHandle

__all__ = [
    "Agent",
    "AgentSession",
    "RunContext",
    "SessionOptions",
    "StopResponse",
    "ToolError",
    "UtteranceHandle",
    "function_tool",
]
