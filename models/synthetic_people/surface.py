"""Exact flow and visibility between two moments of one person: which surface point lies in a cell, and where it is in another picture.

The renderer says which triangle lies at each pixel. The point of that triangle at a cell's centre follows from its corners; with the
corners of another moment it gives the same point there. Whether it is seen there is asked of the other picture's triangles: one of the
same layer, near the point on the person at rest, must lie at that place.
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

    corners: np.ndarray  # [V, 3] float32 homogeneous (x, y, w): x / w and y / w in picture widths, y down
    numbers: np.ndarray  # [D, D] int32 triangle numbers from 1, 0 where nothing is


class Surface:
    """The triangles of a person in the order of the renderer's numbers."""

    def __init__(self, person: Person):
        start, triangles, kinds = 0, [], []
        for kind, (name, layer) in enumerate(person.layers.items()):
            triangles.append(layer.mesh_triangles + start)
            kinds.append(np.full(len(layer.mesh_triangles), kind, np.int8))
            start += len(person.rest[name])
        self._names = list(person.layers)
        self._triangles = np.concatenate(triangles)
        self._rest = np.concatenate([person.rest[name] for name in self._names]).astype(np.float32)
        corners = self._rest[self._triangles]
        # Entry 0 is the background: no kind, nowhere.
        self._kinds = np.r_[np.int8(-1), np.concatenate(kinds)]
        self._centres = np.r_[np.zeros((1, 3), np.float32), corners.mean(axis=1)]
        radii = np.linalg.norm(corners - corners.mean(axis=1, keepdims=True), axis=2).max(axis=1)
        self._reach = np.r_[np.float32(0), radii + SAME_PLACE] ** 2

    def view(self, meshes: dict[str, np.ndarray], camera: Camera, numbers: np.ndarray) -> View:
        """`meshes`: layer -> mesh vertices as drawn (Renderer.posed); `numbers`: Renderer.surface_numbers()."""
        positions = np.concatenate([meshes[name] for name in self._names]).astype(np.float32)
        x, y, _, w = camera.matrix(1.0)
        to_picture = np.stack([(x + w) / 2, (w - y) / 2, w])
        return View(positions @ to_picture[:, :3].T + to_picture[:, 3], numbers)

    def points(self, view: View, triangles: np.ndarray, places: np.ndarray) -> np.ndarray:
        """[n, 3] shares of the corners of `triangles` [n] (numbers from 1) at `places` [n, 2], picture widths."""
        corners = view.corners[self._triangles[triangles - 1]]
        a, b, c = (corners[..., :2] - corners[..., 2:] * places[:, None]).transpose(1, 0, 2)
        shares = np.stack([_cross(b, c), _cross(c, a), _cross(a, b)], axis=1)
        total = shares.sum(axis=1, keepdims=True)
        # A pixel's centre lies within its triangle, a cell's centre half a pixel beside it: only a sliver seen from its edge goes astray.
        with np.errstate(divide="ignore", invalid="ignore"):
            shares = shares / total
        astray = ~(np.abs(shares) < 3).all(axis=1)
        shares[astray] = 1 / 3
        return shares

    def places(self, view: View, triangles: np.ndarray, shares: np.ndarray) -> np.ndarray:
        """[n, 2] where points of the surface are in a view, picture widths."""
        corners = view.corners[self._triangles[triangles - 1]]
        points = np.matmul(shares[:, None], corners)[:, 0]
        return points[:, :2] / points[:, 2:]

    def flow(self, view: View, others: list[View], cells: int) -> tuple[np.ndarray, np.ndarray]:
        """To each other view: flow [n, F, F, 2] float16, picture widths, and seen [n, F, F] uint8 0 or 255, at the cells' centres."""
        drawn = len(view.numbers)
        step = drawn // cells
        at = np.arange(cells) * step + step // 2
        numbers = view.numbers[np.ix_(at, at)]
        rows, columns = np.nonzero(numbers)
        triangles = numbers[rows, columns]
        centres = (np.stack([columns, rows], axis=1).astype(np.float32) + 0.5) / cells
        shares = self.points(view, triangles, centres)
        at_rest = np.matmul(shares[:, None], self._rest[self._triangles[triangles - 1]])[:, 0]
        here = self.places(view, triangles, shares)  # the centres, but for slivers
        flow = np.zeros((len(others), cells, cells, 2), np.float16)
        seen = np.zeros((len(others), cells, cells), np.uint8)
        for index, other in enumerate(others):
            places = self.places(other, triangles, shares)
            flow[index, rows, columns] = places - here
            seen[index][(numbers == 0) & (other.numbers[np.ix_(at, at)] == 0)] = 255
            seen[index, rows, columns] = np.where(self._seen(other, places, triangles, at_rest), 255, 0)
        return flow, seen

    def _seen(self, other: View, places: np.ndarray, triangles: np.ndarray, at_rest: np.ndarray) -> np.ndarray:
        """[n] bool: one of the four pixels around a place shows the same part of the surface."""
        drawn = len(other.numbers)
        inside = ((places > 0) & (places < 1)).all(axis=1)
        corner = np.clip(np.floor(places * drawn - 0.5), 0, drawn - 2).astype(np.int32)
        first = corner[:, 1] * drawn + corner[:, 0]
        flat, kinds = other.numbers.ravel(), self._kinds[triangles]
        seen = np.zeros(len(places), bool)
        for beside in (0, 1, drawn, drawn + 1):
            left = np.flatnonzero(inside & ~seen)
            there = flat[first[left] + beside]
            apart = self._centres[there] - at_rest[left]
            seen[left] = (self._kinds[there] == kinds[left]) & (np.einsum("nd,nd->n", apart, apart) < self._reach[there])
        return seen


def coverage(view: View, cells: int) -> np.ndarray:
    """[F, F] uint8: how much of each cell the person covers."""
    step = len(view.numbers) // cells
    return ((view.numbers > 0).reshape(cells, step, cells, step).mean(axis=(1, 3)) * 255).astype(np.uint8)


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """[n] twice the area that a and b [n, 2] span."""
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
