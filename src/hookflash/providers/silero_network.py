"""The Silero voice-activity network in numpy: pure arithmetic, many calls in one pass.

The network (MIT, github.com/snakers4/silero-vad, versions 5 and 6) is small: a short-time Fourier
transform as a matrix product, four convolutions, one LSTM cell, a dot product. At four frames a
window a convolution is a few matrix products, so a batch over calls costs little Python.

Taps that fall on the zero padding are left out. A sigmoid is `(1 + tanh(x / 2)) / 2`; the half is
folded into the gates' weights, so that one `tanh` pass serves all four gates.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from hookflash.errors import UsageError
from hookflash.providers.silero_weights import SileroWeights

__all__ = ["SileroNetwork"]

Floats: TypeAlias = NDArray[np.float32]

_UNITS = 128  # LSTM cell.
_FRAMES = 4  # Fourier frames in a window.


class SileroNetwork:
    """One rate's network with scratch arrays that are reused; not for several threads at once.

    Attributes:
        rate: 8000 or 16000 Hz.
        context: samples that stand in front of a window, taken from the window before it
            (zeros in front of the first): 32 or 64.
        window: new samples that are judged at once: 256 or 512 (32 ms).
    """

    def __init__(self, rate: int, weights: SileroWeights) -> None:
        """Prepare the weights of `rate`.

        Raises:
            UsageError: the weights are of another rate.
        """
        length = weights.basis.shape[1]
        if length != rate * 128 // 8_000:
            msg = f"these weights are for {length * 8_000 // 128} Hz, not {rate}"
            raise UsageError(msg)
        self.rate = rate
        self.context = length // 4
        self.window = length * 2
        self._length = length
        self._hop = length // 2
        self._bins = length // 2 + 1
        self._basis = np.ascontiguousarray(weights.basis.T)
        # [out, in, tap] to [tap * in, out]: a window of neighbouring rows is one row of products.
        kernels = [
            np.ascontiguousarray(k.transpose(2, 1, 0)).reshape(-1, k.shape[0])
            for k in weights.kernels
        ]
        width = self._bins
        self._first = kernels[0]
        self._first_left = kernels[0][width:]
        self._first_right = kernels[0][: 2 * width]
        self._second = kernels[1]
        self._second_left = kernels[1][_UNITS:]
        self._third_left = kernels[2][64:]
        self._fourth_middle = kernels[3][64:128]
        self._biases = weights.biases
        # Rows input, forget, output, cell: the three sigmoids side by side, halved.
        gates = np.concatenate((weights.input_gates, weights.hidden_gates), axis=1)
        order = np.r_[: 2 * _UNITS, 3 * _UNITS : 4 * _UNITS, 2 * _UNITS : 3 * _UNITS]
        halves = np.ones(4 * _UNITS, dtype=np.float32)
        halves[: 3 * _UNITS] = 0.5
        self._gates = np.ascontiguousarray((gates[order] * halves[:, None]).T)
        self._gate_bias = weights.gate_bias[order] * halves
        self._head = weights.head * np.float32(0.5)
        self._head_bias = np.float32(weights.head_bias * 0.5)
        self._scratch = _Scratch(1, self._bins)

    @property
    def scratch_bytes(self) -> int:
        """Memory of the scratch arrays at present."""
        return self._scratch.nbytes

    def probabilities(self, windows: Floats, state: Floats) -> Floats:
        """Judge one window of each of n calls.

        Args:
            windows: `[n, context + window]`, samples from -1.0 to 1.0.
            state: `[2, n, 128]`, zeros before a call's first window; **changed in place**.

        Returns:
            How likely each window is speech, `[n]`, 0.0 to 1.0.
        """
        n = len(windows)
        if n > self._scratch.rows:
            self._scratch = _Scratch(max(n, 2 * self._scratch.rows), self._bins)
        scratch = self._scratch
        hop, length, width, edge = self._hop, self._length, self._bins, self.context
        padded = scratch.padded[:n]
        body = self.context + self.window
        padded[:, :body] = windows
        # Reflection at the right end, the last sample not repeated.
        padded[:, body:] = padded[:, body - 2 : body - 2 - edge : -1]
        spectrum = scratch.spectrum[:n]
        for frame in range(_FRAMES):
            at = frame * hop
            np.matmul(padded[:, at : at + length], self._basis, out=spectrum[:, frame])
        np.multiply(spectrum, spectrum, out=spectrum)
        magnitude = scratch.magnitude[:n]
        np.add(spectrum[:, :, :width], spectrum[:, :, width:], out=magnitude)
        np.sqrt(magnitude, out=magnitude)

        first = scratch.first[:n]
        np.matmul(magnitude[:, 0:2].reshape(n, -1), self._first_left, out=first[:, 0])
        np.matmul(magnitude[:, 0:3].reshape(n, -1), self._first, out=first[:, 1])
        np.matmul(magnitude[:, 1:4].reshape(n, -1), self._first, out=first[:, 2])
        np.matmul(magnitude[:, 2:4].reshape(n, -1), self._first_right, out=first[:, 3])
        _bias_relu(first, self._biases[0])
        second = scratch.second[:n]
        np.matmul(first[:, 0:2].reshape(n, -1), self._second_left, out=second[:, 0])
        np.matmul(first[:, 1:4].reshape(n, -1), self._second, out=second[:, 1])
        _bias_relu(second, self._biases[1])
        third = scratch.third[:n]
        np.matmul(second.reshape(n, -1), self._third_left, out=third)
        _bias_relu(third, self._biases[2])

        cell_input = scratch.cell_input[:n]
        fourth = cell_input[:, :_UNITS]
        np.matmul(third, self._fourth_middle, out=fourth)
        _bias_relu(fourth, self._biases[3])
        hidden, cell = state
        cell_input[:, _UNITS:] = hidden
        gate = scratch.gate[:n]
        np.matmul(cell_input, self._gates, out=gate)
        np.add(gate, self._gate_bias, out=gate)
        np.tanh(gate, out=gate)
        sigmoids = gate[:, : 3 * _UNITS]
        np.multiply(sigmoids, 0.5, out=sigmoids)
        np.add(sigmoids, 0.5, out=sigmoids)
        let_in, keep, let_out, fresh = (gate[:, i * _UNITS : (i + 1) * _UNITS] for i in range(4))
        np.multiply(cell, keep, out=cell)
        np.multiply(fresh, let_in, out=fresh)
        np.add(cell, fresh, out=cell)
        np.tanh(cell, out=hidden)
        np.multiply(hidden, let_out, out=hidden)

        np.maximum(hidden, 0.0, out=fourth)
        score = np.empty(n, dtype=np.float32)
        np.matmul(fourth, self._head, out=score)
        np.add(score, self._head_bias, out=score)
        np.tanh(score, out=score)
        np.multiply(score, 0.5, out=score)
        np.add(score, 0.5, out=score)
        return score


class _Scratch:
    """Arrays between the layers, for so many windows."""

    def __init__(self, rows: int, bins: int) -> None:
        self.rows = rows
        self.padded = _blank(rows, 5 * (bins - 1))
        self.spectrum = _blank(rows, _FRAMES, 2 * bins)
        self.magnitude = _blank(rows, _FRAMES, bins)
        self.first = _blank(rows, 4, 128)
        self.second = _blank(rows, 2, 64)
        self.third = _blank(rows, 64)
        self.cell_input = _blank(rows, 2 * _UNITS)
        self.gate = _blank(rows, 4 * _UNITS)

    @property
    def nbytes(self) -> int:
        return sum(array.nbytes for array in vars(self).values() if isinstance(array, np.ndarray))


def _blank(*shape: int) -> Floats:
    return np.empty(shape, dtype=np.float32)


def _bias_relu(array: Floats, bias: Floats) -> None:
    np.add(array, bias, out=array)
    np.maximum(array, 0.0, out=array)
