"""The product's own browser tracker (track.mjs, headless Chromium) as a function over picture files."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

LANDMARKS = 478


def track(files: list[Path], model: Path, mode: str, frame_ms: float = 1000 / 30) -> tuple[np.ndarray, np.ndarray]:
    """found [T] bool and landmarks [T, 478, 3] float32 in units of the picture's width. mode: IMAGE or VIDEO."""
    node = os.environ.get("NODE", "node")
    browser = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        raise RuntimeError("no Chromium on PATH: install it or set CHROMIUM")
    with tempfile.TemporaryDirectory() as folder:
        out, job = Path(folder) / "landmarks.bin", Path(folder) / "job.json"
        task = {
            "model": str(model.resolve()),
            "chromium": browser,
            "mode": mode,
            "frameMs": frame_ms,
            "files": [str(f.resolve()) for f in files],
            "out": str(out),
        }
        job.write_text(json.dumps(task))
        subprocess.run([node, str(Path(__file__).with_name("track.mjs")), str(job)], check=True)
        rows = np.fromfile(out, "<f4").reshape(len(files), 1 + LANDMARKS * 3)
    return rows[:, 0] > 0.5, rows[:, 1:].reshape(-1, LANDMARKS, 3)


def tracked_opening(landmarks: np.ndarray) -> np.ndarray:
    """[T] inner-lip gap over the distance of the eyes' outer corners."""
    gap = np.linalg.norm(landmarks[:, 13] - landmarks[:, 14], axis=1)
    return gap / np.linalg.norm(landmarks[:, 33] - landmarks[:, 263], axis=1)


def tracked_yaw(landmarks: np.ndarray) -> np.ndarray:
    """[T] degrees, > 0 to the person's left: how the line from ear to ear lies in depth."""
    across = landmarks[:, 454] - landmarks[:, 234]
    return np.degrees(np.arctan2(across[:, 2], across[:, 0]))
