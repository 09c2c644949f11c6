"""States of models on disk: nested mappings of tensors and plain values as one safetensors file, read without a copy."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import torch
from safetensors import safe_open
from torch import Tensor

from simulator.atomic import written_whole
from simulator.log.schema import Int64

TENSOR = "$tensor"
"""In the place of a tensor, in the outline of a state: its name in the file."""
PART = 65_536
"""Rows that are picked and written at a time."""
_TYPES = {
    torch.float64: "F64",
    torch.int64: "I64",
    torch.float32: "F32",
    torch.int32: "I32",
    torch.bfloat16: "BF16",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}


@dataclass(frozen=True, slots=True)
class Picked:
    """Some rows of a tensor, which are picked while they are written, so that no copy of them all is ever held."""

    values: Tensor
    rows: Int64

    @property
    def shape(self) -> tuple[int, ...]:
        """As a tensor of those rows has it."""
        return (len(self.rows), *self.values.shape[1:])

    @property
    def dtype(self) -> torch.dtype:
        """Of the tensor."""
        return self.values.dtype

    def parts(self) -> Iterator[Tensor]:
        """Yield the rows, in their order."""
        for begin in range(0, len(self.rows), PART):
            yield self.values.index_select(0, torch.from_numpy(self.rows[begin : begin + PART]))


def write(path: Path, state: Mapping[str, Any], **about: str) -> None:
    """Write a state whole or not at all; ``about`` is what `read` returns beside it, with a digest of all tensors.

    Tensors may be anywhere in mappings with text as keys; what else is there must be plain (as JSON knows it).

    Raises
    ------
    TypeError, KeyError : the state holds something else.
    """
    found: dict[str, Tensor | Picked] = {}
    outline = _outlined(state, "", found)
    # Wide numbers first: each then lies at a multiple of its width, and can be read where it is.
    found = dict(sorted(found.items(), key=lambda entry: -entry[1].dtype.itemsize))
    blank = "0" * 2 * hashlib.blake2b(digest_size=16).digest_size
    told = {"outline": json.dumps(outline), **about, "digest": blank}
    header: dict[str, Any] = {"__metadata__": told}
    end = 0
    for name, tensor in found.items():
        begin, end = end, end + torch.Size(tensor.shape).numel() * tensor.dtype.itemsize
        header[name] = {
            "dtype": _TYPES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [begin, end],
        }
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    with written_whole(path) as partial, partial.open("wb") as file:
        file.write(len(head).to_bytes(8, "little") + head)
        digest = hashlib.blake2b(json.dumps(outline).encode(), digest_size=16)
        for tensor in found.values():
            _write(file, tensor, digest)
        file.seek(8)
        file.write(
            head.replace(f'"digest": "{blank}"'.encode(), f'"digest": "{digest.hexdigest()}"'.encode())
        )


def _write(file: BinaryIO, tensor: Tensor | Picked, digest: hashlib.blake2b) -> None:
    for part in tensor.parts() if isinstance(tensor, Picked) else [tensor.detach()]:
        if part.numel():  # torch looks at no empty one as bytes
            data = part.contiguous().view(-1).view(torch.uint8).numpy().data
            digest.update(data)
            file.write(data)


def _outlined(value: Any, name: str, found: dict[str, Tensor | Picked]) -> Any:
    if isinstance(value, Tensor | Picked):
        if name in found:
            raise KeyError(f"two tensors would be called {name!r}")
        found[name] = value
        return {TENSOR: name}
    if isinstance(value, Mapping):
        return {key: _outlined(each, f"{name}/{key}" if name else key, found) for key, each in value.items()}
    return value


def read(path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """Return a state and what was told about it. Its tensors lie in the file, and are read when they are looked at.

    What is written to them stays in memory. Nothing is unpickled.

    Raises
    ------
    OSError, ValueError, KeyError, safetensors.SafetensorError : there is no such file, or it is none that `write` wrote.
    """
    with safe_open(path, framework="pt") as file:
        about = dict(file.metadata() or {})
        return _filled(json.loads(about.pop("outline")), file.get_tensor), about


def _filled(outline: Any, tensor: Any) -> Any:
    if not isinstance(outline, dict):
        return outline
    if TENSOR in outline:
        return tensor(outline[TENSOR])
    return {key: _filled(value, tensor) for key, value in outline.items()}
