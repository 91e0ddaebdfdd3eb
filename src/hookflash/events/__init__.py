"""What happened and what to do about it: frozen records with dotted wire names.

Events happened (`SpeechStarted`), commands ask (`StopPlayout`). Each has one dotted name under
which it stands on the tape and goes over the platform's WebSocket; `to_wire` and `from_wire`
convert. One file per subject; each exports its closed unions.
"""

from hookflash.events.base import Record, from_wire, named, to_wire

__all__ = ["Record", "from_wire", "named", "to_wire"]
