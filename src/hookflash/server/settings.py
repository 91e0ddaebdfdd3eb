"""Settings: from arguments, then the environment, then `hookflash.toml`."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from hookflash.errors import ConfigError

__all__ = ["Settings"]

_VARIABLES = {
    "public_url": "HOOKFLASH_PUBLIC_URL",
    "twilio_account_sid": "TWILIO_ACCOUNT_SID",
    "twilio_auth_token": "TWILIO_AUTH_TOKEN",
    "max_calls": "HOOKFLASH_MAX_CALLS",
    "metrics": "HOOKFLASH_METRICS",
    "metrics_token": "HOOKFLASH_METRICS_TOKEN",
    "record_dir": "HOOKFLASH_RECORD_DIR",
    "record_format": "HOOKFLASH_RECORD_FORMAT",
}


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a serving process must know.

    Attributes:
        public_url: how carriers reach us, as configured at the carrier: `https://host[:port]`.
            Webhook signatures are checked against it. `HOOKFLASH_PUBLIC_URL`.
        twilio_account_sid: `TWILIO_ACCOUNT_SID`.
        twilio_auth_token: `TWILIO_AUTH_TOKEN`. Never shown.
        max_calls: calls at the same time; further ones hear a busy tone. A core carries a few
            hundred (see `docs/reference/capacity.md`). `HOOKFLASH_MAX_CALLS`.
        check_signatures: refuse webhooks that the carrier did not sign. Switch it off only on a
            loopback address.
        metrics: whether figures for Prometheus are served at `/metrics`; needs the extra
            `telemetry`. `HOOKFLASH_METRICS`, `true` or `false`.
        metrics_token: what must come with a request for them, as `Authorization: Bearer`; empty
            serves them to everyone who reaches the public URL. Never shown.
            `HOOKFLASH_METRICS_TOKEN`.
        record_dir: where tapes, recordings and records of calls go; None keeps none.
            `HOOKFLASH_RECORD_DIR`.
        record_format: `wav`, or `opus`, which needs the extra `sound` and a tenth of the disk.
            `HOOKFLASH_RECORD_FORMAT`.
        decide_within: seconds that the program has to answer or reject an inbound call; a
            carrier waits 15 for our instructions.
    """

    public_url: str = ""
    twilio_account_sid: str = ""
    twilio_auth_token: str = ""
    max_calls: int = 200
    check_signatures: bool = True
    metrics: bool = False
    metrics_token: str = ""
    record_dir: Path | None = None
    record_format: str = "wav"
    decide_within: float = 10.0

    def __repr__(self) -> str:
        """Show everything but secrets."""
        shown = (f"{name}={value!r}" for name, value in self.__rich_repr__())
        return f"Settings({', '.join(shown)})"

    def __rich_repr__(self) -> list[tuple[str, object]]:
        """Show rich the same: it asks a structure for its fields."""
        shown = {name: getattr(self, name) for name in self.__struct_fields__}
        for secret in ("twilio_auth_token", "metrics_token"):
            shown[secret] = "•••" if shown[secret] else ""
        return list(shown.items())

    @classmethod
    def load(
        cls,
        *,
        environment: Mapping[str, str] | None = None,
        file: Path = Path("hookflash.toml"),
        **given: Any,
    ) -> "Settings":
        """Collect settings: `given` wins over the environment, that over the file.

        Raises:
            ConfigError: the file is not TOML, or a setting is unknown or of the wrong type.
        """
        known = set(cls.__struct_fields__)
        values: dict[str, object] = {}
        if file.is_file():
            try:
                values.update(tomllib.loads(file.read_text("utf-8")))
            except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
                msg = f"{file} is not valid TOML: {exc}"
                raise ConfigError(msg) from exc
        variables = os.environ if environment is None else environment
        for name, variable in _VARIABLES.items():
            if variables.get(variable):
                values[name] = variables[variable]
        values.update({name: value for name, value in given.items() if value is not None})
        unknown = sorted(set(values) - known)
        if unknown:
            msg = f"unknown setting {unknown[0]!r}; known are {', '.join(sorted(known))}"
            raise ConfigError(msg)
        return cls(**{name: _typed(name, value) for name, value in values.items()})


def _typed(name: str, value: object) -> Any:
    """Turn what a file or variable holds into the field's type."""
    match name:
        case "max_calls":
            try:
                number = int(str(value))
            except ValueError:
                number = 0
            if number < 1:
                msg = "max_calls must be a whole number, 1 or more"
                raise ConfigError(msg)
            return number
        case "decide_within":
            if not isinstance(value, int | float) or not 0 < value <= 14:
                msg = "decide_within must be a number of seconds above 0, at most 14"
                raise ConfigError(msg)
            return float(value)
        case "check_signatures":
            if not isinstance(value, bool):
                msg = "check_signatures must be true or false"
                raise ConfigError(msg)
            return value
        case "metrics":
            switch = {"true": True, "false": False}.get(str(value).lower())
            if switch is None:
                msg = "metrics must be true or false"
                raise ConfigError(msg)
            return switch
        case "record_dir":
            return Path(str(value))
        case "record_format":
            if value not in {"wav", "opus"}:
                msg = "record_format must be wav or opus"
                raise ConfigError(msg)
            return value
        case "public_url":
            return checked_public_url(str(value))
        case _:
            return str(value)


def checked_public_url(url: str) -> str:
    """Return the URL without a trailing slash.

    Raises:
        ConfigError: it is not an `http(s)://host[:port][/path]` URL.
    """
    clean = url.rstrip("/")
    scheme, separator, rest = clean.partition("://")
    if not separator or scheme not in {"http", "https"} or not rest or "?" in rest or "#" in rest:
        msg = "public_url must look like https://phone.example.com, without a query"
        raise ConfigError(msg)
    return clean
