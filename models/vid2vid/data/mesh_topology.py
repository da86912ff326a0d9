"""The triangles of a portrait's mesh: the tracker's face, a row that keeps the lashes together, eyeballs, the mouth's opening, rings
outside."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from ..networks.topology import FACE_OVAL, INNER_LOWER_LIP, INNER_UPPER_LIP, LOWER_LIDS, UPPER_LIDS

FACE_POINTS = 468  # without the irises
RINGS = np.array(
    [0.03, 0.07, 0.12, 0.18, 0.25, 0.33, 0.42, 0.53, 0.66, 0.82]
)  # distances from the outline in face sizes; one more beyond the border
CREASES = ([247, 30, 29, 27, 28, 56, 190], [414, 286, 258, 257, 259, 260, 467])  # skin above the upper lids, by column
BROW_RIDGES = ([113, 225, 224, 223, 222, 221, 189], [413, 441, 442, 443, 444, 445, 342])
POUCHES = ([25, 110, 24, 23, 22, 26, 112], [341, 256, 252, 253, 254, 339, 255])
TRIANGLES_FILE = Path(__file__).parents[3] / "server/landmarker/face-triangles.ts"
SKIN, EYE, MOUTH, OUTSIDE = 0, 1, 2, 3


@dataclass(frozen=True)
class Topology:
    triangles: np.ndarray  # [M, 3]
    kinds: np.ndarray  # [M]
    cut_from: np.ndarray  # [C] landmark on the lid's margin
    cut_to: np.ndarray  # [C] landmark away from it; the cut lies between the two
    cut_eye: np.ndarray  # [C]
    first_cut: int
    first_ball: tuple[int, int]  # per eye: copies of UPPER_LIDS, then of LOWER_LIDS without the corners
    first_mouth: int  # copies of INNER_UPPER_LIP, then of INNER_LOWER_LIP without the corners
    first_ring: int
    count: int


def lid_ring(eye: int) -> list[int]:
    return [*UPPER_LIDS[eye], *LOWER_LIDS[eye][1:-1]]


def lip_ring() -> list[int]:
    return [*INNER_UPPER_LIP, *INNER_LOWER_LIP[1:-1]]


@cache
def face_triangles() -> np.ndarray:
    """[852, 3]: the product's own table of the skin's triangles."""
    numbers = re.search(r"=\s*\[([\d,\s]+)\]", TRIANGLES_FILE.read_text())
    if numbers is None:
        raise ValueError(f"no table of triangles in {TRIANGLES_FILE}")
    return np.array([int(n) for n in numbers.group(1).replace("\n", " ").split(",") if n.strip()]).reshape(-1, 3)


def strip(upper: list[int], lower: list[int]) -> list[tuple[int, int, int]]:
    """Triangles between two contours with equal columns; shared ends give one instead of two."""
    out = []
    for a, b, c, d in zip(upper, upper[1:], lower[1:], lower):
        out += [(a, b, c)] if b != c else []
        out += [(a, c, d)] if a != d else []
    return out


def _cut_lashes(next_vertex: int) -> tuple[list[tuple[int, ...]], dict[tuple[int, int], int]]:
    """Splits every skin triangle at the lids' margins so that a thin row next to them becomes its own: triangles, and the new vertices by
    edge."""
    margin = {v for eye in (0, 1) for v in lid_ring(eye)}
    cuts: dict[tuple[int, int], int] = {}

    def cut(a: int, b: int) -> int:
        return cuts.setdefault((a, b), next_vertex + len(cuts))

    out = []
    for triangle in face_triangles().tolist():
        on = [v in margin for v in triangle]
        if sum(on) not in (1, 2):
            out.append(tuple(triangle))
            continue
        odd = on.index(sum(on) == 1)  # the corner that differs from the two others comes first
        a, b, c = triangle[odd:] + triangle[:odd]
        ab, ac = (cut(a, b), cut(a, c)) if on[odd] else (cut(b, a), cut(c, a))
        out += [(a, ab, ac), (ab, b, c), (ab, c, ac)]
    return out, cuts


@cache
def topology() -> Topology:
    skin, cuts = _cut_lashes(FACE_POINTS)
    ends = np.array(list(cuts))
    on_second = np.isin(ends[:, 0], lid_ring(1)).astype(int)
    first_ball = FACE_POINTS + len(cuts)
    balls = []
    for eye in (0, 1):
        at = {v: first_ball + 16 * eye + i for i, v in enumerate(lid_ring(eye))}
        balls += [tuple(at[v] for v in t) for t in strip(UPPER_LIDS[eye], LOWER_LIDS[eye])]
    first_mouth = first_ball + 32
    lips = {v: first_mouth + i for i, v in enumerate(lip_ring())}
    mouth = [tuple(lips[v] for v in t) for t in strip(INNER_UPPER_LIP, INNER_LOWER_LIP)]
    first_ring = first_mouth + len(lips)
    rings = ring_triangles(first_ring)
    kinds = np.repeat([SKIN, EYE, MOUTH, OUTSIDE], [len(skin), len(balls), len(mouth), len(rings)])
    count = first_ring + (len(RINGS) + 1) * len(FACE_OVAL)
    triangles = np.array([*skin, *balls, *mouth, *rings])
    return Topology(
        triangles, kinds, ends[:, 0], ends[:, 1], on_second, FACE_POINTS, (first_ball, first_ball + 16), first_mouth, first_ring, count
    )


def ring_triangles(first: int) -> list[tuple[int, int, int]]:
    """The innermost row hangs on the face's outline itself, so that there is no seam."""
    spokes = len(FACE_OVAL)
    rows = [FACE_OVAL] + [[first + r * spokes + s for s in range(spokes)] for r in range(len(RINGS) + 1)]
    out = []
    for inner, outer in zip(rows, rows[1:]):
        for s in range(spokes):
            n = (s + 1) % spokes
            out += [(inner[s], inner[n], outer[n]), (inner[s], outer[n], outer[s])]
    return out
