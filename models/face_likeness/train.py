"""Learns which differences between two faces' landmarks mean two people (client/src/faces/likeness-basis.ts). numpy only.

    python models/face_likeness/train.py --faces NAME --out client/src/faces/likeness-basis.ts

NAME.f32 and NAME.jsonl come from collect.mjs. Linear discriminants (Fisher 1936): directions in which people differ from each other by more
than one person's expressions, head turns and the tracker's noise. Prints how well they separate people that were left out of the training.
"""

import argparse
import hashlib
import json
from pathlib import Path

import numpy as np

CANONICAL = Path(__file__).parents[2] / "server/landmarker/canonical-face.json"
# As in server/landmarker/mesh-topology.ts: points that hardly move in the skull.
RIGID = [3, 4, 5, 6, 122, 168, 195, 196, 197, 248, 351, 419, 33, 133, 263, 362]
# Eyes' corners and nose, brows, the outline above the jaw, cheeks: those of the picture's left side and the middle. Lips, lids and jaw say
# what a face does, not whose it is.
BOTH_SIDES = [
    *(33, 133, 362, 263, 1, 2, 4, 5, 6, 168, 195, 197, 98, 327, 48, 278, 64, 294, 115, 344, 122, 351),
    *(70, 63, 105, 66, 107, 300, 293, 334, 296, 336, 46, 276),
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 234, 127, 162, 21, 54, 103, 67, 109),
    *(50, 280, 205, 425, 117, 346, 116, 345, 123, 352, 147, 376),
]
_CANONICAL = json.loads(CANONICAL.read_text())
MEAN = np.array(_CANONICAL["points"]).reshape(478, 3)
MIRROR = np.array(_CANONICAL["mirror"])
POINTS = [v for v in BOTH_SIDES if MEAN[v, 0] < 1e-3]
AXES, SHRINK, SPAN, MOST_FRAMES = 12, 0.2, 60, 12
MOST_TURN = 0.7  # radians
STEPS = 999  # each row is stored in whole numbers up to this


def load(stem: str) -> tuple[np.ndarray, np.ndarray, str]:
    raw = Path(f"{stem}.f32").read_bytes()
    people = np.array([json.loads(line)["person"] for line in Path(f"{stem}.jsonl").read_text().splitlines()])
    return np.frombuffer(raw, np.float32).reshape(len(people), 478, 3).astype(np.float64), people, hashlib.sha256(raw).hexdigest()


def measured(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shape [len(POINTS) * 3], the symmetric half in the average face's axes, size and place by the rigid points; pose [4]."""
    source, target = MEAN[RIGID], points[RIGID]
    a, b = source.mean(0), target.mean(0)
    u, s, vt = np.linalg.svd((source - a).T @ (target - b))
    sign = np.array([1, 1, np.sign(np.linalg.det(vt.T @ u.T))])
    rotation = vt.T @ np.diag(sign) @ u.T
    scale = (s * sign).sum() / ((source - a) ** 2).sum()
    shape = (points - b) @ rotation / scale + a
    even = (shape[POINTS] + shape[MIRROR[POINTS]] * [-1, 1, 1]) / 2
    turn, nod = np.arctan2(-rotation[0, 2], rotation[2, 2]), np.arcsin(np.clip(rotation[1, 2], -1, 1))
    return even.ravel(), np.array([turn**2, min(abs(turn), MOST_TURN) ** 4, nod, nod**2])


def pose_effect(shapes: np.ndarray, poses: np.ndarray) -> np.ndarray:
    """[4, d]: what the pose alone does to a shape, by least squares."""
    return np.linalg.lstsq(np.column_stack([poses, np.ones(len(poses))]), shapes, rcond=None)[0][:-1]


def discriminants(faces: np.ndarray, people: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """mean [d], axes [d, AXES]; along each axis one person's faces scatter by about 1."""
    mean = faces.mean(0)
    centred = faces - mean
    span = np.linalg.svd(centred, full_matrices=False)[2][:SPAN].T
    reduced = centred @ span
    within, freedom, means = np.zeros((SPAN, SPAN)), 0.0, []
    for person in np.unique(people):
        own = reduced[people == person]
        means.append(own.mean(0))
        if len(own) > 1:
            weight = min(1, MOST_FRAMES / len(own))  # a clip has many frames of one person
            within += weight * (own - means[-1]).T @ (own - means[-1])
            freedom += weight * (len(own) - 1)
    within /= freedom
    within += SHRINK * np.trace(within) / SPAN * np.eye(SPAN)
    values, vectors = np.linalg.eigh(within)
    white = vectors / np.sqrt(values)
    values, vectors = np.linalg.eigh(white.T @ np.cov(np.array(means).T) @ white)
    return mean, span @ white @ vectors[:, np.argsort(-values)[:AXES]]


def report(faces: np.ndarray, people: np.ndarray, folds: int = 5) -> dict[str, float]:
    """Distances between single faces of people that had no part in the training."""
    names = np.random.default_rng(0).permutation(np.unique(people))
    same, other = [], []
    for fold in range(folds):
        held = np.isin(people, names[fold::folds])
        mean, axes = discriminants(faces[~held], people[~held])
        z, who = (faces[held] - mean) @ axes, people[held]
        distance = np.linalg.norm(z[:, None] - z[None], axis=2)
        upper = np.triu(np.ones_like(distance, bool), 1)
        alike = who[:, None] == who[None]
        same.append(distance[upper & alike])
        other.append(distance[upper & ~alike])
    same, other = np.concatenate(same), np.concatenate(other)
    result = {f"same {q}": float(np.quantile(same, q)) for q in (0.5, 0.9, 0.99)}
    return result | {f"other {q}": float(np.quantile(other, q)) for q in (0.01, 0.1, 0.5)}


HEAD = """/**
 * Generated by models/face_likeness/train.py: do not edit. Directions in which the landmarks of different people differ.
 *
 * Learned from {faces} faces, {people} people among them; sources and licences: NOTICE.md. It holds averages over people, no image and no
 * single person's face. sha256 of the input: {digest}
 */
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faces", required=True)
    parser.add_argument("--out", required=True, type=Path)
    options = parser.parse_args()
    points, people, digest = load(options.faces)
    shapes, poses = (np.stack(part) for part in zip(*[measured(p) for p in points], strict=True))
    effect = pose_effect(shapes, poses)
    known = people != ""
    faces = (shapes - poses @ effect)[known]
    for name, value in report(faces, people[known]).items():
        print(f"{name}: {value:.2f}")
    mean, axes = discriminants(faces, people[known])
    options.out.write_text(module(mean, axes, effect @ axes, len(people), len(np.unique(people[known])), digest))


def module(mean: np.ndarray, axes: np.ndarray, effect: np.ndarray, faces: int, people: int, digest: str) -> str:
    scales = np.abs(axes).max(0) / STEPS
    rows = np.round(axes / scales).astype(int).T

    def numbers(values: object) -> str:
        return ", ".join(str(v) for v in values)

    text = HEAD.format(faces=faces, people=people, digest=digest)
    text += f"export const RIGID_POINTS: readonly number[] = [{numbers(RIGID)}];\n"
    text += f"/** [{len(RIGID)}, 3] the rigid points of the average face. */\n"
    text += f"export const RIGID_MEAN: readonly number[] = [{numbers(np.round(MEAN[RIGID].ravel(), 5))}];\n"
    text += "/** Points that tell people apart, of the picture's left side and the middle, and their partners on the other side. */\n"
    text += f"export const LIKENESS_POINTS: readonly number[] = [{numbers(POINTS)}];\n"
    text += f"export const LIKENESS_PARTNERS: readonly number[] = [{numbers(MIRROR[POINTS])}];\n"
    text += f"/** [{len(POINTS)}, 3] their place on the average face. */\n"
    text += f"export const LIKENESS_MEAN: readonly number[] = [{numbers(np.round(mean, 5))}];\n"
    text += f"/** One row of [{len(POINTS)}, 3] an axis, times its scale: along each, one person's faces scatter by about 1. */\n"
    text += f"export const AXIS_SCALES: readonly number[] = [{numbers(f'{s:.6g}' for s in scales)}];\n"
    text += "export const AXES: readonly (readonly number[])[] = [\n" + "".join(f"  [{numbers(row)}],\n" for row in rows) + "];\n"
    text += (
        f"/** Of each axis: what a turn (radians: square, fourth power up to {MOST_TURN}) and a nod (and its square) add to anybody's. */\n"
    )
    text += "export const POSE_EFFECT: readonly (readonly number[])[] = [\n"
    text += "".join(f"  [{numbers(np.round(column, 4))}],\n" for column in effect.T) + "];\n"
    return text


if __name__ == "__main__":
    main()
