"""Agents and their sessions: what a program writes, and what runs it on a call."""

from hookflash.agent.keys import DTMFHandler
from hookflash.agent.measures import SessionMetrics
from hookflash.agent.options import SessionOptions
from hookflash.agent.record import RecordConfig
from hookflash.agent.recording import RecordingConfig
from hookflash.agent.session import Agent, AgentSession, RunContext, WarmTransferAgent
from hookflash.agent.sound import BackgroundAudioHandlerConfig, HoldMusic, ThinkingAudio
from hookflash.agent.speech_queue import SpeechMode
from hookflash.agent.telemetry import instrument
from hookflash.agent.tool_policy import Filler
from hookflash.agent.tools import StopResponse, Tool, ToolError, function_tool
from hookflash.agent.utterance import UtteranceHandle
from hookflash.agent.voicemail import VoiceMailDetector
from hookflash.agent.wake_up import WakeUpStep, wake_up_ladder
from hookflash.pipeline.wording import TextForSpeech

__all__ = [
    "Agent",
    "AgentSession",
    "BackgroundAudioHandlerConfig",
    "DTMFHandler",
    "Filler",
    "HoldMusic",
    "RecordConfig",
    "RecordingConfig",
    "RunContext",
    "SessionMetrics",
    "SessionOptions",
    "SpeechMode",
    "StopResponse",
    "TextForSpeech",
    "ThinkingAudio",
    "Tool",
    "ToolError",
    "UtteranceHandle",
    "VoiceMailDetector",
    "WakeUpStep",
    "WarmTransferAgent",
    "function_tool",
    "instrument",
    "wake_up_ladder",
]
