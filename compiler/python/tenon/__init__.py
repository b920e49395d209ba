"""Tenon compiles ONNX models ahead of time to native code.

    import numpy, tenon
    model = tenon.compile("net.onnx", dims={"batch": (1, 8)})
    outputs = model.run({"x": numpy.zeros((2, 3), numpy.float32)})

A model is compiled in this process and runs in it. `Model.save` writes the
library, header and program that `tenonc compile` would write.
"""
from __future__ import annotations

import difflib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Union

import numpy as np

from . import _tenon
from ._errors import CompileError, Diagnostic, Error, RunError

__all__ = ["compile", "Model", "TensorInfo", "Weight", "CompileError", "RunError",
           "Error", "Diagnostic", "__version__"]
__version__: str = _tenon.version

Size = Union[int, str, "tuple[int, int]"]

# What NumPy calls the element types. It has no bfloat16, no 8-bit floats and
# nothing below a byte: their codes come as plain bytes.
_DTYPES = {
    "f32": np.float32, "f64": np.float64, "f16": np.float16,
    "i8": np.int8, "i16": np.int16, "i32": np.int32, "i64": np.int64,
    "u8": np.uint8, "u16": np.uint16, "u32": np.uint32, "u64": np.uint64,
    "bool": np.bool_, "bf16": np.uint16,
}
# Names of the same types in the package ml_dtypes.
_ML_DTYPES = {
    "bf16": "bfloat16", "f8e4m3fn": "float8_e4m3fn",
    "f8e4m3fnuz": "float8_e4m3fnuz", "f8e5m2": "float8_e5m2",
    "f8e5m2fnuz": "float8_e5m2fnuz", "f8e8m0": "float8_e8m0fnu",
}
_PACKED = {"u4": 2, "i4": 2, "f4e2m1": 2, "u2": 4, "i2": 4}


@dataclass(frozen=True)
class TensorInfo:
    """An input or output of a model.

    name: as the ONNX model has it.
    dtype: the NumPy dtype of its arrays. bfloat16 is uint16 and the 8-bit
        floats are uint8, which hold the bits as they are.
    shape: per dimension a size, the name of a symbol (see Model.symbols), or
        for outputs how the size follows from symbols, such as "2*seq + 1".
    type: Tenon's name of the element type: "f32", "bf16", "i4", ...

    Arrays of types below a byte (u4, i4, f4e2m1: 2 to a byte; u2, i2: 4) are
    one-dimensional uint8 arrays of ceil(elements / 2 or 4) bytes, the first
    element in the low bits.
    """

    name: str
    dtype: np.dtype
    shape: tuple[int | str, ...]
    type: str

    def __str__(self) -> str:
        sizes = ", ".join(map(str, self.shape))
        return f"{self.type}[{sizes}]"


@dataclass(frozen=True)
class Weight:
    """What became of a constant of the model.

    name, shape: as the ONNX model has them.
    format: such as "int8", "int4 g32", "2:4" or "f32".
    bits_per_weight, bytes: as stored, scales and indices included.
    snr_db: signal to noise ratio of the change, infinite if nothing was lost;
        None if the model brought the weight in this format.
    kept_because: why it stays float; empty if it does not.
    """

    name: str
    shape: tuple[int, ...]
    format: str
    bits_per_weight: float
    bytes: int
    snr_db: float | None
    kept_because: str


class Model:
    """A compiled model, ready to run; `tenon.compile` makes it.

    inputs, outputs: list of TensorInfo, in the model's order.
    symbols: {name: (lowest, highest)} of the sizes chosen at each run.
    target: "TRIPLE, CPU" that the code was made for.
    diagnostics: warnings and notes of the compile.
    weights: list of Weight, those of a thousand elements and more.

    Runs of one model from several threads wait for each other; different
    models run at the same time.
    """

    def __init__(self, native: _tenon.Model):
        self._native = native
        self.inputs: list[TensorInfo] = _infos(native.inputs)
        self.outputs: list[TensorInfo] = _infos(native.outputs)
        self.symbols: dict[str, tuple[int, int]] = {
            name: (lo, hi) for name, lo, hi in native.symbols}
        self.target: str = native.target
        self.weights: list[Weight] = [
            Weight(name, tuple(shape), *rest)
            for name, shape, *rest in native.weights]
        self.diagnostics = tuple(
            Diagnostic(kind, text, tuple(notes))
            for kind, text, notes in native.diagnostics)

    def __repr__(self) -> str:
        def names(infos):
            return ", ".join(f"{info.name}: {info}" for info in infos)

        return (f"<tenon.Model ({names(self.inputs)}) -> "
                f"({names(self.outputs)}), {self.target}>")

    def run(self, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """One inference: {input: array} -> {output: new NumPy array}.

        Every input must be there, with the dtype and shape of `inputs`. What
        has the buffer protocol and lies dense, row by row, is read where it
        is; other arrays are copied. Lists and numbers become arrays of the
        input's dtype if no value changes its kind. The interpreter lock is
        released during the run; do not change the arrays meanwhile.

        Raises RunError: an input is missing, unknown, or of another dtype or
        shape; a size lies outside its bounds; the model ended in a status (an
        index out of bounds, say); the code is for another machine.
        """
        known = [info.name for info in self.inputs]
        for name in inputs:
            if name not in known:
                near = difflib.get_close_matches(str(name), known, 1)
                raise RunError(
                    f"no input is named '{name}'; " +
                    (f"did you mean '{near[0]}'?" if near else
                     f"the model has: {', '.join(known) or 'none'}"))
        sizes = _Sizes(self.symbols)
        arrays = []
        for info in self.inputs:
            if info.name not in inputs:
                raise RunError(f"input '{info.name}' is not given: expected "
                               f"{info}")
            arrays.append(_fit(info, inputs[info.name], sizes))
        values = self._native.run(sizes.values(), arrays)
        return {info.name: value for info, value in zip(self.outputs, values)}

    def save(self, folder: str | os.PathLike[str],
             emit: Sequence[str] = ()) -> list[str]:
        """Writes what `tenonc compile` writes; gives the files' paths.

        folder: is made if it is not there.
        emit: of "exe", "so", "lib", "obj", "header", "manifest", "asm" and
            "llvm"; none: what the target can have of the first three, header
            and manifest.

        Raises CompileError: a file cannot be written, or the target has no
        such file.
        """
        return self._native.save(os.fspath(folder), list(emit))


def compile(path_or_bytes: str | os.PathLike[str] | bytes | Any,
            dims: Mapping[str, Size] = {},
            shapes: Mapping[str, Sequence[Size] | str] = {},
            threads: int = 1, target: str | None = None, *,
            cpu: str | None = None, values: Mapping[str, Any] = {},
            bounds: Mapping[str, int] = {}, prefix: str | None = None,
            weights_format: str = "f32", act: str | None = None,
            weights: str | None = None) -> Model:
    """Compiles an ONNX model to native code and loads it.

    path_or_bytes: path of a .onnx or ONNX text file, the bytes of one, or an
        onnx.ModelProto. Weights in files of their own need the path.
    dims: {name of an open dimension: size}. A size is a number, or bounds
        (lo, hi) or "lo..hi", both included, within which each run may choose.
        Open dimensions that are not given are compiled as 1 (a note in
        `Model.diagnostics` says so).
    shapes: {input: sizes}, in place of the model's. A size is a number,
        bounds, or the name of a symbol; "1x3x48x192" works as well.
    threads: on which a run works, this one included.
    target: LLVM triple; None: this machine. A model for another machine does
        not run here, but `Model.save` writes its files.
    cpu: CPU name or level such as "x86-64-v3"; None: this machine's, or the
        target's usual one. `tenonc targets` lists targets and levels. Several
        x86 levels have commas between; the artifact chooses when it starts.
    values: {input: constant}; such an input is compiled in and no input of
        the result.
    bounds: {node: the largest size that it may find at run time}.
    prefix: begins the symbols and names the files of `Model.save`; None: the
        name of the file.
    weights_format: how the constant matrices of products are stored: "f32",
        "f16", "int8", "int4", "2:4" or "2:4-int8"; `Model.weights` says what
        became of each, and with what error.
    act: "int8" quantizes activations per token where weights are quantized.
    weights: "embed" puts them into the files of `Model.save`, "file" beside
        them; None: by their size.

    Raises CompileError, whose `.diagnostics` say what is wrong and where;
    TypeError and ValueError for arguments that are no sizes.
    """
    if isinstance(threads, bool) or not isinstance(threads, (int, np.integer)):
        raise TypeError(f"threads: expected a number, found {threads!r}")
    if not 1 <= threads <= 1024:
        raise ValueError(f"threads: expected 1 to 1024, found {threads}")
    path, data = _model_source(path_or_bytes)
    return Model(_tenon.compile(
        path, data,
        {name: _size_text(f"dims['{name}']", size, False)
         for name, size in dims.items()},
        {name: _shape_texts(name, sizes) for name, sizes in shapes.items()},
        {name: _value_text(value) for name, value in values.items()},
        {name: int(most) for name, most in bounds.items()}, int(threads),
        target or "", cpu or "", prefix or "", weights_format, act or "",
        weights or ""))


# Arguments as the command line has them.


def _model_source(source) -> tuple[str, bytes | None]:
    if isinstance(source, (str, os.PathLike)):
        return os.fspath(source), None
    if isinstance(source, (bytes, bytearray, memoryview)):
        return "model", bytes(source)
    if hasattr(source, "SerializeToString"):
        return "model", source.SerializeToString()
    raise TypeError("expected a path, bytes or an onnx.ModelProto, found "
                    f"{type(source).__name__}")


def _size_text(where: str, size, may_name: bool) -> str:
    if isinstance(size, (int, np.integer)) and not isinstance(size, bool):
        if size < 0:
            raise ValueError(f"{where}: expected a size, found {size}")
        return str(int(size))
    if isinstance(size, str):
        lo, dots, hi = size.partition("..")
        if dots and not (lo.isdecimal() and hi.isdecimal()):
            raise ValueError(f"{where}: expected bounds lo..hi, found '{size}'")
        if not dots and not size.isdecimal() and not (may_name and size):
            raise ValueError(f"{where}: expected a size, (lo, hi) or 'lo..hi', "
                             f"found '{size}'")
        if dots and int(lo) > int(hi):
            raise ValueError(f"{where}: the bounds {size} hold no size")
        return size
    if isinstance(size, (tuple, list)) and len(size) == 2:
        lo, hi = (_size_text(where, bound, False) for bound in size)
        return _size_text(where, f"{lo}..{hi}", False)
    raise TypeError(f"{where}: expected a size, (lo, hi) or 'lo..hi', found "
                    f"{size!r}")


def _shape_texts(name: str, sizes) -> list[str]:
    if isinstance(sizes, str):
        sizes = sizes.split("," if "," in sizes else "x") if sizes else []
    return [_size_text(f"shapes['{name}'][{i}]", size, True)
            for i, size in enumerate(sizes)]


def _value_text(value) -> str:
    if isinstance(value, str):
        return value
    return ",".join(repr(number) for number in
                    np.asarray(value).ravel().tolist())


# Arrays as the native module takes them.


def _infos(rows) -> list[TensorInfo]:
    return [TensorInfo(name, np.dtype(_DTYPES.get(type_, np.uint8)),
                       tuple(shape), type_) for name, type_, shape in rows]


class _Sizes:
    """The symbols of one run, and who decided them."""

    def __init__(self, bounds):
        self.bounds = bounds
        self.known: dict[str, tuple[int, str]] = {}

    def bind(self, symbol: str, size: int, origin: str):
        lo, hi = self.bounds[symbol]
        if symbol not in self.known:
            if not lo <= size <= hi:
                raise RunError(f"{origin} makes '{symbol}' {size}; the model "
                               f"was compiled for {lo}..{hi}")
            self.known[symbol] = size, origin
        other, first = self.known[symbol]
        if other != size:
            raise RunError(f"'{symbol}' is {other} by {first} but {size} by "
                           f"{origin}; both must agree")

    def values(self) -> list[int]:
        return [self.known[name][0] if name in self.known else self.bounds[
            name][0] for name in self.bounds]


def _fit(info: TensorInfo, value, sizes: _Sizes) -> np.ndarray:
    """`value` as a dense array that the model can read, without a copy where
    that is possible."""
    array = value if isinstance(value, np.ndarray) else _to_array(info, value)
    if array.dtype.name == _ML_DTYPES.get(info.type):
        array = array.view(info.dtype)
    if array.dtype != info.dtype:
        raise RunError(f"input '{info.name}': expected {info}, that is "
                       f"{info.dtype.name}, found {_describe(array)}; convert "
                       f"it with astype('{info.dtype.name}')")
    if info.type not in _PACKED:
        _fit_shape(info, array, sizes)
    elif array.ndim != 1:
        raise RunError(f"input '{info.name}': expected {info} as packed bytes "
                       f"in one dimension, found {_describe(array)}")
    return np.require(array, requirements=["C_CONTIGUOUS", "ALIGNED"])


def _to_array(info: TensorInfo, value) -> np.ndarray:
    try:
        array = np.asarray(value)
        # A list has no dtype of its own, a buffer has.
        if not hasattr(value, "__array__") and not _is_buffer(value) and \
                np.can_cast(array.dtype, info.dtype, "same_kind"):
            array = np.asarray(value, info.dtype)
    except (TypeError, ValueError, OverflowError) as error:
        raise RunError(f"input '{info.name}': expected {info}, and "
                       f"{type(value).__name__} does not fit: {error}"
                       ) from None
    return array


def _is_buffer(value) -> bool:
    try:
        memoryview(value)
    except TypeError:
        return False
    return True


def _fit_shape(info: TensorInfo, array: np.ndarray, sizes: _Sizes):
    fits = array.ndim == len(info.shape) and all(
        isinstance(wanted, str) or wanted == found
        for wanted, found in zip(info.shape, array.shape))
    if not fits:
        raise RunError(f"input '{info.name}': expected {info}, found "
                       f"{_describe(array)}; reshape it, or compile the model "
                       "for that shape")
    for axis, (wanted, found) in enumerate(zip(info.shape, array.shape)):
        if isinstance(wanted, str):
            sizes.bind(wanted, found,
                       f"dimension {axis} of input '{info.name}'")


def _describe(array: np.ndarray) -> str:
    order = "big-endian " if array.dtype.byteorder == ">" else ""
    return f"{order}{array.dtype.name}[{', '.join(map(str, array.shape))}]"
