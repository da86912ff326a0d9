"""Exact flow and visibility between two moments of one person: which surface point lies in a cell, and where it is in another picture.

The renderer says which triangle lies at each pixel. The point of that triangle at a cell's centre follows from its corners; with the
corners of another moment it gives the same point there. Whether it is seen there is asked of the other picture's triangles: one of the
same layer, near the point on the person at rest, must lie at that place.

Vectors lie in columns ([3, n]): that is three times as fast here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .person import Person
from .scene import Camera

SAME_PLACE = 0.03  # decimetres on the person at rest, beyond a triangle's own radius


@dataclass(frozen=True)
class View:
    """One moment as a square picture shows it."""

    corners: np.ndarray  # [3, V] float32 homogeneous (x, y, w): x / w and y / w in picture widths, y down
    numbers: np.ndarray  # [D, D] int32 triangle numbers from 1, 0 where nothing is


@dataclass(frozen=True)
class Points:
    """Points on the surface: `corners` [3, n] vertex numbers of their triangles, `shares` [3, n] of each corner, adding up to 1."""

    triangles: np.ndarray  # [n] numbers from 1
    corners: np.ndarray
    shares: np.ndarray

    def of(self, vertices: np.ndarray) -> np.ndarray:
        """[3, n] the points with their triangles' corners at `vertices` [3, V]."""
        (a, b, c), (p, q, r) = self.corners, self.shares
        return np.stack([v.take(a) * p + v.take(b) * q + v.take(c) * r for v in vertices])

    def places(self, view: View) -> np.ndarray:
        """[2, n] in a view, picture widths."""
        x, y, w = self.of(view.corners)
        return np.stack([x / w, y / w])


class Surface:
    """The triangles of a person in the order of the renderer's numbers."""

    def __init__(self, person: Person):
        start, triangles, kinds = 0, [], []
        for kind, (name, layer) in enumerate(person.layers.items()):
            triangles.append(layer.mesh_triangles + start)
            kinds.append(np.full(len(layer.mesh_triangles), kind, np.int8))
            start += len(person.rest[name])
        self.layers = list(person.layers)
        self._triangles = np.ascontiguousarray(np.concatenate(triangles).T, np.int64)
        self._rest = np.ascontiguousarray(np.concatenate([person.rest[name] for name in self.layers]).T, np.float32)
        corners = self._rest[:, self._triangles]  # [axis, corner, triangle]
        centres = corners.mean(axis=1)
        radii = np.sqrt(np.square(corners - centres[:, None]).sum(axis=0).max(axis=0))
        # Entry 0 is the background: of no layer, nowhere.
        self.kinds = np.r_[np.int8(-1), np.concatenate(kinds)]
        self._centres = np.c_[np.zeros(3, np.float32), centres]
        self._reach = np.r_[np.float32(0), radii + SAME_PLACE] ** 2

    def view(self, meshes: dict[str, np.ndarray], camera: Camera, numbers: np.ndarray) -> View:
        """`meshes`: layer -> mesh vertices as drawn (Renderer.posed); `numbers`: Renderer.surface_numbers()."""
        positions = np.concatenate([meshes[name] for name in self.layers]).astype(np.float32)
        x, y, _, w = camera.matrix(1.0)
        to_picture = np.stack([(x + w) / 2, (w - y) / 2, w])
        return View(to_picture[:, :3] @ positions.T + to_picture[:, 3:], numbers)

    def points(self, view: View, triangles: np.ndarray, places: np.ndarray) -> Points:
        """The points of `triangles` [n] (numbers from 1) that a view shows at `places` [2, n], picture widths."""
        corners = self._triangles[:, triangles - 1]
        x, y, w = (v.take(corners) for v in view.corners)
        x, y = x - w * places[0], y - w * places[1]
        shares = np.stack([x[j] * y[k] - x[k] * y[j] for j, k in ((1, 2), (2, 0), (0, 1))])
        with np.errstate(divide="ignore", invalid="ignore"):
            shares = shares / shares.sum(axis=0)
        # A pixel's centre lies within its triangle, a cell's centre half a pixel beside it: only a sliver seen from its edge goes astray.
        shares[:, ~(np.abs(shares) < 3).all(axis=0)] = 1 / 3
        return Points(triangles, corners, shares)

    def flow(self, view: View, others: list[View], cells: int) -> tuple[np.ndarray, np.ndarray]:
        """To each other view: flow [n, F, F, 2] float16, picture widths, and seen [n, F, F] uint8 0 or 255, at the cells' centres."""
        step = len(view.numbers) // cells
        middle = slice(step // 2, None, step)
        numbers = view.numbers[middle, middle]
        rows, columns = np.nonzero(numbers)
        points = self.points(view, numbers[rows, columns], ((np.stack([columns, rows]) + 0.5) / cells).astype(np.float32))
        here, at_rest = points.places(view), points.of(self._rest)  # here: the cells' centres, but for slivers
        flow = np.zeros((len(others), cells, cells, 2), np.float16)
        seen = np.zeros((len(others), cells, cells), np.uint8)
        for index, other in enumerate(others):
            places = points.places(other)
            flow[index, rows, columns] = (places - here).T
            seen[index][(numbers == 0) & (other.numbers[middle, middle] == 0)] = 255
            seen[index, rows, columns] = np.where(self._seen(other, places, points.triangles, at_rest), 255, 0)
        return flow, seen

    def _seen(self, other: View, places: np.ndarray, triangles: np.ndarray, at_rest: np.ndarray) -> np.ndarray:
        """[n] bool: one of the four pixels around a place shows the same part of the surface."""
        drawn = len(other.numbers)
        inside = ((places > 0) & (places < 1)).all(axis=0)
        column, row = np.clip(np.floor(places * drawn - 0.5), 0, drawn - 2).astype(np.int64)
        first, flat, kinds = row * drawn + column, other.numbers.ravel(), self.kinds.take(triangles)
        seen = np.zeros(len(first), bool)
        left = np.flatnonzero(inside)
        for beside in (0, 1, drawn, drawn + 1):
            there = flat.take(first[left] + beside)
            away = np.square(self._centres.take(there, axis=1) - at_rest[:, left]).sum(axis=0)
            found = (self.kinds.take(there) == kinds[left]) & (away < self._reach.take(there))
            seen[left[found]] = True
            left = left[~found]
        return seen


def coverage(view: View, cells: int) -> np.ndarray:
    """[F, F] uint8: how much of each cell the person covers."""
    step = len(view.numbers) // cells
    return ((view.numbers > 0).reshape(cells, step, cells, step).mean(axis=(1, 3)) * 255).astype(np.uint8)
