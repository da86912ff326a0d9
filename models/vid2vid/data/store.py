"""Frames of one source (synthetic people, portraits, a real speaker) in flat arrays that are mapped into memory, not read.

A folder holds index.json (Source) and, with N frames of side S in all and R references per person:

    frames.npy           uint8   [N, S, S, 3]      RGB
    landmarks.npy        float32 [N, 478, 3]       the tracker's topology; x right, y down, z away; unit: picture widths, 0..1 inside
    flow_reference.npy   float16 [N, R, F, F, 2]   optional: what lies at a cell's centre here lies so much further (x, y) in reference r,
    picture widths seen_reference.npy   uint8   [N, R, F, F]      255 where that point is visible in reference r, else 0
    flow_previous.npy    float16 [N, F, F, 2]      the same, to the frame before it in its clip; zero for references and a clip's first
    frame seen_previous.npy    uint8   [N, F, F]
    head.npy             uint8   [N, F, F]         optional: 255 where the person (hair, clothes included) covers the cell
    plate.npy            uint8   [P, S, S, 3]      of each person in the index: the background without the person (plates.py)

F = S / 4. A person's frames lie together: first the references (portraits in varied poses; 0 is the most neutral one), then the clips.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

LANDMARKS = 478
FLOW_STRIDE = 4


@dataclass
class ClipRange:
    start: int
    length: int


@dataclass
class PersonEntry:
    """One person. `start` is the first reference's frame number; `held_out` people are never trained on."""

    name: str
    start: int
    references: int
    clips: list[ClipRange]
    held_out: bool
    sex: str = "unknown"  # female, male, unknown
    skin: str = "unknown"  # light, medium, dark, unknown

    @property
    def frames(self) -> int:
        """References and clips together; they lie one after the other from `start`."""
        return self.references + sum(c.length for c in self.clips)


@dataclass
class Source:
    name: str
    size: int
    frame_rate: float
    licence: str
    people: list[PersonEntry] = field(default_factory=list)

    @property
    def frames(self) -> int:
        return sum(p.frames for p in self.people)


class SourceWriter:
    """Creates a source's arrays; whoever fills them writes into `arrays[name][frame]`, then calls close()."""

    def __init__(self, folder: Path, source: Source, *, flow: bool, head: bool = False):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.source = source
        n, s, f = source.frames, source.size, source.size // FLOW_STRIDE
        most = max(p.references for p in source.people)
        shapes: dict[str, tuple[type, tuple[int, ...]]] = {
            "frames": (np.uint8, (n, s, s, 3)),
            "landmarks": (np.float32, (n, LANDMARKS, 3)),
        }
        if flow:
            shapes |= {
                "flow_reference": (np.float16, (n, most, f, f, 2)),
                "seen_reference": (np.uint8, (n, most, f, f)),
                "flow_previous": (np.float16, (n, f, f, 2)),
                "seen_previous": (np.uint8, (n, f, f)),
            }
        if head:
            shapes["head"] = (np.uint8, (n, f, f))
        self.arrays = {
            name: np.lib.format.open_memmap(self.folder / f"{name}.npy", mode="w+", dtype=dtype, shape=shape)
            for name, (dtype, shape) in shapes.items()
        }

    def close(self) -> None:
        """The index comes last: a folder without it is an unfinished one."""
        for array in self.arrays.values():
            array.flush()
        (self.folder / "index.json").write_text(json.dumps(asdict(self.source), indent=1) + "\n")


class SourceReader:
    """A finished source; arrays are mapped read-only. `array(name)` is None where the source has none."""

    def __init__(self, folder: Path):
        self.folder = Path(folder)
        raw = json.loads((self.folder / "index.json").read_text())
        people = [PersonEntry(**(p | {"clips": [ClipRange(**c) for c in p["clips"]]})) for p in raw.pop("people")]
        self.source = Source(**raw, people=people)
        self._arrays: dict[str, np.ndarray] = {}

    def array(self, name: str) -> np.ndarray | None:
        if name not in self._arrays:
            file = self.folder / f"{name}.npy"
            if not file.exists():
                return None
            self._arrays[name] = np.load(file, mmap_mode="r")
        return self._arrays[name]

    def people(self, *, held_out: bool) -> list[PersonEntry]:
        return [p for p in self.source.people if p.held_out == held_out]
