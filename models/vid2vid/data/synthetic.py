"""Renders the synthetic people into store.py's form: python -m vid2vid.data.synthetic --assets ../../shared/data/makehuman --out DIR
--people 360 --held-out 40

Landmarks are the tracker's on the finished pictures, not projected vertices: the live call sends the tracker's view of lids, lips and
irises, errors included, and the mesh's topology has no exact counterpart on these heads. Flow and visibility are exact.
Same seeds, same pictures, however many processes draw them (on one kind of machine; another GL rounds otherwise).
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from synthetic_people.subject import sex_of, skin_of

from .store import ClipRange, PersonEntry, Source, SourceWriter
from .synthetic_studio import REFERENCES, Counts, NotSeen, Sitting, Studio, name_of, seed_of

SPLITS = Path(__file__).with_name("splits.json")
FRAME_RATE = 25.0
LICENCE = "Renders made for this project from the MakeHuman assets (CC0)."


@dataclass(frozen=True)
class Job:
    """What every process needs to know; pickled to each."""

    assets: Path
    out: Path
    size: int
    supersample: float
    landmarker: str | None
    source: str = "synthetic"  # or "valid", of which `assets` has the avatars
    licence: str = LICENCE

    def studio(self) -> Studio:
        if self.source == "valid":
            from .valid import AvatarStudio, Shelf

            return AvatarStudio(Shelf(self.assets), self.size, self.supersample, self.landmarker)
        from synthetic_people.assets import Assets

        return Studio(Assets(self.assets), self.size, self.supersample, self.landmarker)


def held_out_seeds() -> list[int]:
    """In the order of splits.json, which names people by seed."""
    return [seed_of(name) for name in json.loads(SPLITS.read_text())["synthetic"]]


def layout(training: list[int], held_out: list[int], clips: int, clip_frames: int, long_frames: int) -> list[PersonEntry]:
    """People one after the other: references, short clips, and for held-out people a long one."""
    people, start = [], 0
    for seed, out in [(s, False) for s in training] + [(s, True) for s in held_out]:
        lengths = [clip_frames] * clips + ([long_frames] if out and long_frames else [])
        starts = start + REFERENCES + np.cumsum([0, *lengths])
        ranges = [ClipRange(int(first), length) for first, length in zip(starts, lengths)]
        people.append(PersonEntry(name_of(seed), start, REFERENCES, ranges, out, sex_of(seed), skin_of(seed)))
        start = int(starts[-1])
    return people


_studio: Studio | None = None
_arrays: dict[str, np.ndarray] = {}


def _begin(job: Job) -> None:
    """Once in each process: OpenGL contexts and networks do not survive a fork."""
    global _studio
    _studio = job.studio()
    for file in job.out.glob("*.npy"):
        _arrays[file.stem] = np.lib.format.open_memmap(file, mode="r+")


def _make(entry: PersonEntry) -> tuple[str, Counts]:
    """@raises RuntimeError where no variant of the person is followed by the tracker."""
    counts = Counts()
    for sitting in _studio.sittings_of(entry.name):
        try:
            _fill(sitting, entry)
            counts.add(sitting.counts)
            return entry.name, counts
        except NotSeen:
            counts.add(sitting.counts)
            counts.redrawn_subjects += 1
    raise RuntimeError(f"{entry.name}: the tracker follows no variant")


def _fill(sitting: Sitting, entry: PersonEntry) -> None:
    sitting.frame()
    references = sitting.references()
    for index, shot in enumerate(references):
        sitting.write(_arrays, entry.start + index, shot, references, None)
    for clip in entry.clips:
        previous = None
        for index, shot in enumerate(sitting.clip(clip.length, FRAME_RATE)):
            sitting.write(_arrays, clip.start + index, shot, references, previous)
            previous = shot


def build(job: Job, people: list[PersonEntry], processes: int, flow: bool) -> Counts:
    """Fills the arrays; the index is written last."""
    # llvmpipe's and BLAS's own threads wait for each other: a process per core is several times as fast. The shader cache's thread, of the
    # lowest priority, keeps a process from ending on a busy machine.
    os.environ.update({"LP_NUM_THREADS": "0", "MESA_SHADER_CACHE_DISABLE": "true", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"})
    writer = SourceWriter(job.out, Source(job.source, job.size, FRAME_RATE, job.licence, people), flow=flow, head=flow)
    total, started, done = Counts(), time.monotonic(), 0
    with multiprocessing.get_context("spawn").Pool(processes, _begin, (job,)) as pool:
        for _, counts in pool.imap_unordered(_make, people):
            total.add(counts)
            done += 1
            if done % 10 == 0 or done == len(people):
                taken = time.monotonic() - started
                print(
                    f"{done} of {len(people)} people, {total.frames / taken:.1f} frames/s, "
                    f"{taken * (len(people) - done) / done:.0f} s left",
                    flush=True,
                )
    print(
        f"{total.redrawn_frames / total.frames:.1%} of {total.frames} frames and {total.redrawn_subjects} "
        f"of {len(people)} people were drawn again: the tracker did not see them"
    )
    writer.close()
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--assets", type=Path, required=True, help="folder of the MakeHuman assets")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--people", type=int, default=360, help="training people")
    parser.add_argument("--first-seed", type=int, default=0, help="of the training people; held-out people's seeds are in splits.json")
    parser.add_argument("--held-out", type=int, default=40, help="held-out people")
    parser.add_argument("--clips", type=int, default=3)
    parser.add_argument("--clip-frames", type=int, default=8)
    parser.add_argument("--long-frames", type=int, default=60, help="length of each held-out person's further clip; 0: none")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--supersample", type=float, default=1.5, help="drawn so much finer; size * this must be a multiple of size / 4")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--landmarker", help="folder of the tracker's networks (default: LANDMARKER_CACHE, or the product's cache)")
    parser.add_argument("--without-flow", action="store_true")
    options = parser.parse_args()
    held_out = held_out_seeds()[: options.held_out]
    training = [s for s in range(options.first_seed, options.first_seed + options.people) if s not in set(held_out_seeds())]
    people = layout(training, held_out, options.clips, options.clip_frames, options.long_frames)
    job = Job(options.assets, options.out, options.size, options.supersample, options.landmarker)
    build(job, people, options.processes, flow=not options.without_flow)


if __name__ == "__main__":
    main()
