"""The native half of the package: no checks beyond memory safety."""
from collections.abc import Sequence
from typing import Any, Optional

import numpy as np

version: str

class Model:
    """A compiled model; loaded if its code runs on this machine."""

    # (name, element type, sizes, symbols and formulas)
    @property
    def inputs(self) -> list[tuple[str, str, list[int | str]]]: ...
    @property
    def outputs(self) -> list[tuple[str, str, list[int | str]]]: ...
    # (name, lowest, highest)
    @property
    def symbols(self) -> list[tuple[str, int, int]]: ...
    # (kind, text, notes)
    @property
    def diagnostics(self) -> list[tuple[str, str, list[str]]]: ...
    @property
    def target(self) -> str: ...
    # (name, shape, format, bits per weight, bytes, SNR in dB, why kept)
    @property
    def weights(self) -> list[tuple[str, list[int], str, float, int,
                                    Optional[float], str]]: ...
    def run(self, symbols: Sequence[int],
            inputs: Sequence[Any]) -> list[np.ndarray]: ...
    def save(self, folder: str, emit: Sequence[str]) -> list[str]: ...

def compile(path: str, data: Optional[bytes], dims: dict[str, str],
            shapes: dict[str, list[str]], values: dict[str, str],
            bounds: dict[str, int], threads: int, target: str, cpu: str,
            prefix: str, weights_format: str, act: str,
            weights: str) -> Model: ...
