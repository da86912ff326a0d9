"""Real data in one small file, to be carried to a machine without them.

    python -m vid2vid.data.pack --root DIR --sources grid smiles --data ../../shared/data --out pack.npz [--quality 92] [--all]
    python -m vid2vid.data.pack --unpack pack.npz --root DIR
    python -m vid2vid.data.portraits --stills pack.npz --donors DIR/grid --out DIR

Sources without flow are kept as WebP pictures and landmarks in 16 bits. Portraits are kept as photographs only, 512 pixels wide with their
landmarks: the pseudo-clips, 25 frames of each with flow, are drawn anew from them. Without --all only those who are trained on come along.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np

from .landmarker import Landmarker
from .splits import held_out, portrait_people
from .stills import Portrait, usable_portraits
from .store import ClipRange, PersonEntry, Source, SourceReader, SourceWriter

LANDMARK_STEPS = 16000  # of a picture width; int16 holds two widths to either side


def encode(picture: np.ndarray, quality: int) -> np.ndarray:
    done, data = cv2.imencode(".webp", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_WEBP_QUALITY, quality])
    if not done:
        raise RuntimeError("this OpenCV cannot write WebP")
    return data.ravel()


def decode(data: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def join(pictures: list[np.ndarray], quality: int) -> dict[str, np.ndarray]:
    """Encoded pictures one after the other, and where each ends."""
    encoded = [encode(p, quality) for p in pictures]
    return {"bytes": np.concatenate(encoded), "ends": np.cumsum([len(e) for e in encoded])}


def split(arrays: dict[str, np.ndarray]):
    starts = np.r_[0, arrays["ends"][:-1]]
    return (decode(arrays["bytes"][a:b]) for a, b in zip(starts, arrays["ends"]))


def in_steps(landmarks: np.ndarray) -> np.ndarray:
    return np.clip(np.round(landmarks * LANDMARK_STEPS), -32768, 32767).astype(np.int16)


def pack_source(folder: Path, quality: int, everyone: bool) -> dict[str, np.ndarray]:
    """@raises ValueError for a source with flow, which a picture does not hold."""
    reader = SourceReader(folder)
    if reader.array("flow_reference") is not None:
        raise ValueError(f"{folder.name} has flow: make it anew where it is needed")
    source, frames, rows, people = reader.source, reader.array("frames"), [], []
    for p in source.people if everyone else reader.people(held_out=False):
        moved = len(rows) - p.start
        rows += range(p.start, p.start + p.frames)
        people.append(
            PersonEntry(**(asdict(p) | {"start": p.start + moved, "clips": [ClipRange(c.start + moved, c.length) for c in p.clips]}))
        )
    kept = Source(source.name, source.size, source.frame_rate, source.licence, people)
    index = np.frombuffer(json.dumps(asdict(kept)).encode(), np.uint8)
    return join([np.asarray(frames[r]) for r in rows], quality) | {"landmarks": in_steps(reader.array("landmarks")[rows]), "index": index}


def unpack_source(arrays: dict[str, np.ndarray], root: Path) -> Source:
    raw = json.loads(arrays["index"].tobytes())
    raw["people"] = [PersonEntry(**(p | {"clips": [ClipRange(**c) for c in p["clips"]]})) for p in raw["people"]]
    source = Source(**raw)
    writer = SourceWriter(root / source.name, source, flow=False)
    for i, picture in enumerate(split(arrays)):
        writer.arrays["frames"][i] = picture
    writer.arrays["landmarks"][:] = arrays["landmarks"].astype(np.float32) / LANDMARK_STEPS
    writer.close()
    return source


def pack_stills(portraits: list[Portrait], quality: int) -> dict[str, np.ndarray]:
    names = np.frombuffer(json.dumps([p.name for p in portraits]).encode(), np.uint8)
    return join([p.texture for p in portraits], quality) | {
        "landmarks": in_steps(np.stack([p.landmarks for p in portraits])),
        "names": names,
    }


def stills_of(file: Path) -> list[Portrait]:
    """The photographs of a pack."""
    arrays = group(np.load(file), "stills")
    landmarks = arrays["landmarks"].astype(np.float32) / LANDMARK_STEPS
    return [Portrait(*still) for still in zip(json.loads(arrays["names"].tobytes()), split(arrays), landmarks)]


def group(file: np.lib.npyio.NpzFile, name: str) -> dict[str, np.ndarray]:
    return {key.partition("/")[2]: file[key] for key in file.files if key.startswith(f"{name}/")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="folder of the sources")
    parser.add_argument("--sources", nargs="*", default=["grid", "smiles"])
    parser.add_argument("--data", type=Path, help="folder with portraits: their photographs come along")
    parser.add_argument("--out", type=Path, help="file to write")
    parser.add_argument("--unpack", type=Path, help="file to read")
    parser.add_argument("--quality", type=int, default=92)
    parser.add_argument("--all", action="store_true", help="held-out people too")
    options = parser.parse_args()
    if options.unpack:
        file = np.load(options.unpack)
        for name in sorted({key.partition("/")[0] for key in file.files} - {"stills"}):
            source = unpack_source(group(file, name), options.root)
            print(f"{name}: {source.frames} frames, {len(source.people)} entries")
        return
    if not options.out:
        parser.error("--out or --unpack is needed")
    parts = {name: pack_source(options.root / name, options.quality, options.all) for name in options.sources}
    if options.data:
        stills = usable_portraits(portrait_people(options.data), Landmarker(), None)
        parts["stills"] = pack_stills([p for p in stills if options.all or p.name not in held_out("portraits")], options.quality)
    np.savez(options.out, **{f"{name}/{key}": value for name, arrays in parts.items() for key, value in arrays.items()})
    sizes = {name: f"{sum(v.nbytes for v in arrays.values()) / 2**20:.1f} MiB" for name, arrays in parts.items()}
    print(f"{options.out}: {options.out.stat().st_size / 2**20:.1f} MiB, {sizes}")


if __name__ == "__main__":
    main()
