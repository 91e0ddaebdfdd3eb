"""Small jobs for an agent, each with a typed result."""

from hookflash.errors import CallerHungUp, TaskCancelled, TaskTimedOut
from hookflash.tasks.address import GetAddressResult, GetAddressTask
from hookflash.tasks.asking import Asking, FieldTexts
from hookflash.tasks.birth import GetDOBResult, GetDOBTask
from hookflash.tasks.capture import CaptureOptions, CaptureTask
from hookflash.tasks.card import GetCreditCardResult, GetCreditCardTask
from hookflash.tasks.dtmf import (
    DtmfEvent,
    GetDtmfResult,
    GetDtmfTask,
    dtmf_event_to_code,
    format_dtmf,
)
from hookflash.tasks.email import GetEmailResult, GetEmailTask
from hookflash.tasks.errors import (
    AttemptsExceeded,
    CaptureDeclined,
    CardCaptureDeclinedError,
    CardCollectionRestartError,
    DtmfCollectionError,
    TaskMisconfigured,
)
from hookflash.tasks.group import TaskCompletedEvent, TaskGroup, TaskGroupResult
from hookflash.tasks.menu import DtmfMenu
from hookflash.tasks.name import GetNameResult, GetNameTask
from hookflash.tasks.phone import GetPhoneNumberResult, GetPhoneNumberTask
from hookflash.tasks.secret import Secret
from hookflash.tasks.task import AgentTask, TaskMisused
from hookflash.tasks.warm_transfer import WarmTransferFailed, WarmTransferTask

__all__ = [
    "AgentTask",
    "Asking",
    "AttemptsExceeded",
    "CallerHungUp",
    "CaptureDeclined",
    "CaptureOptions",
    "CaptureTask",
    "CardCaptureDeclinedError",
    "CardCollectionRestartError",
    "DtmfCollectionError",
    "DtmfEvent",
    "DtmfMenu",
    "FieldTexts",
    "GetAddressResult",
    "GetAddressTask",
    "GetCreditCardResult",
    "GetCreditCardTask",
    "GetDOBResult",
    "GetDOBTask",
    "GetDtmfResult",
    "GetDtmfTask",
    "GetEmailResult",
    "GetEmailTask",
    "GetNameResult",
    "GetNameTask",
    "GetPhoneNumberResult",
    "GetPhoneNumberTask",
    "Secret",
    "TaskCancelled",
    "TaskCompletedEvent",
    "TaskGroup",
    "TaskGroupResult",
    "TaskMisconfigured",
    "TaskMisused",
    "TaskTimedOut",
    "WarmTransferFailed",
    "WarmTransferTask",
    "dtmf_event_to_code",
    "format_dtmf",
]
