"""The background of each person without the person: python -m vid2vid.data.plates --root DIR --sources synthetic portraits smiles grid
webcam

Writes plate.npy, uint8 [P, S, S, 3] in the order of the index's people, beside a finished source's arrays: reference 0, what its matte
covers filled from around. The matte is the product's, faults included, for that is what an enrolment has.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from .layers import Matting, background_plate
from .store import SourceReader


def plate_of(matting: Matting, picture: np.ndarray) -> np.ndarray:
    """[S, S, 3] uint8 of a picture [S, S, 3] uint8."""
    return background_plate(picture, matting(picture)).round().clip(0, 255).astype(np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="folder of the sources")
    parser.add_argument("--sources", nargs="+", required=True)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    matting = Matting()
    for name in options.sources:
        reader = SourceReader(options.root / name)
        frames = reader.array("frames")
        plates = np.stack([plate_of(matting, np.array(frames[p.start])) for p in reader.source.people])
        np.save(options.root / name / "plate.npy", plates)
        print(f"{name}: {len(plates)} plates", flush=True)


if __name__ == "__main__":
    main()
