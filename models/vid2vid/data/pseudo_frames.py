"""Frames of a portrait that moves a little, with exact flow and visibility: the mesh drawn over the background's plate, the mouth from a
donor."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ..networks.topology import FACE_OVAL
from .head_mesh import HeadMesh, Motion, Posed
from .layers import Layers
from .mesh_topology import EYE, MOUTH, lip_ring, topology
from .store import FLOW_STRIDE
from .surface_renderer import EVERYWHERE, SurfaceRenderer

SAME_PLACE = 0.008  # picture widths of the portrait: two frames show the same point when their sources agree so far
LIP_EDGE = 0.86  # a donor's inner contour lies a little in the red: only this much of its opening is taken
TINT = (0.88, 1.14)  # limits of each colour's own gain
PALER = 0.85  # of a donor's saturation: drawn tongues are redder than photographed ones
CONTRAST, DEPTH = 1.7, 0.3  # about DEPTH of the face's light: a soft recording's teeth and depth are both grey
WARM = np.array([1.0, 0.98, 0.92], np.float32)  # at most so much of each colour to its red: a recording's cold teeth are nobody's
FLESH, SHADED = 0.4, 0.62  # of this saturation on it is tongue or gum, which lies deeper in the lips' shade than it is drawn
BRIGHTEST, LIGHTEST = 0.8, 225.0  # teeth lie in the lips' shade: no more than this of the face's light, whose glare does not count


@dataclass
class Mouth:
    """An opening to borrow: a picture [S, S, 3] uint8 and its landmarks [478, 3] in picture widths."""

    picture: np.ndarray
    landmarks: np.ndarray

    def source(self) -> np.ndarray:
        """[20, 2] in lip_ring order, drawn in from the lips."""
        ring = self.landmarks[lip_ring(), :2].astype(np.float64)
        upper, lower = np.arange(1, 10), np.arange(11, 20)
        middle = (ring[upper] + ring[lower]) / 2
        ring[upper] = middle + LIP_EDGE * (ring[upper] - middle)
        ring[lower] = middle + LIP_EDGE * (ring[lower] - middle)
        return ring


@dataclass
class View:
    """A drawn frame: what each fine pixel shows."""

    picture: np.ndarray  # [S, S, 3] uint8
    posed: Posed
    triangle: np.ndarray  # [T, T], -1 the background
    corners: np.ndarray  # [T, T, 3]
    source: np.ndarray  # [T, T, 2] place in the portrait (or, in a borrowed mouth, in the donor)
    alpha: np.ndarray  # [T, T] the person's share
    borrowed: bool


class Stage:
    """One portrait: its texture of side T = 2 S, layers and mesh. A renderer serves the newest stage only: it holds that one's outline."""

    def __init__(self, renderer: SurfaceRenderer, texture: np.ndarray, layers: Layers, mesh: HeadMesh):
        self.renderer, self.layers, self.mesh = renderer, layers, mesh
        self.light = face_light(texture, mesh.face)
        self.topology = topology()
        renderer.set_presence(layers.presence())

    def view(self, motion: Motion, mouth: Mouth | None = None) -> View:
        t = self.topology
        posed = self.mesh.pose(motion, None if mouth is None else mouth.source())
        triangles = t.triangles
        places = posed.source[triangles].copy()
        places[(t.kinds == MOUTH) | (t.kinds == EYE)] = EVERYWHERE
        triangle, corners = self.renderer.draw(posed.points, triangles, places.reshape(-1, 2))
        vertices = triangles[np.maximum(triangle, 0)]
        places = posed.source.astype(np.float32)
        source = sum(corners[..., c, None] * places[vertices[..., c]] for c in range(3))
        inside = (triangle >= 0) & (t.kinds[np.maximum(triangle, 0)] == MOUTH)
        picture, alpha = self._compose(source, triangle >= 0, inside if mouth is not None else None, mouth)
        return View(picture, posed, triangle, corners, source, alpha, mouth is not None)

    def _compose(
        self, source: np.ndarray, drawn: np.ndarray, inside: np.ndarray | None, mouth: Mouth | None
    ) -> tuple[np.ndarray, np.ndarray]:
        layers = self.layers
        person, alpha = (sample(x, source) for x in (layers.person, layers.alpha))
        alpha = np.where(drawn, alpha, 0)
        person = np.where(drawn[..., None], person, 0)
        if mouth is not None and inside.any():
            near = around(inside)
            person[near] = self._lend(person[near], source[near], inside[near], mouth)
            alpha = np.where(inside, 1, alpha)
        whole = person + (1 - alpha[..., None]) * layers.plate
        side = whole.shape[0] // 2
        return np.clip(np.round(cv2.resize(whole, (side, side), interpolation=cv2.INTER_AREA)), 0, 255).astype(np.uint8), alpha

    def _lend(self, person: np.ndarray, source: np.ndarray, inside: np.ndarray, mouth: Mouth) -> np.ndarray:
        lent = in_light(sample(mouth.picture.astype(np.float32), source), self.light, face_light(mouth.picture, mouth.landmarks))
        share = cv2.GaussianBlur(inside.astype(np.float32), (0, 0), 0.9)[..., None]  # the lips' inner edge is not cut with a knife
        person = np.where(inside[..., None], lent, person)
        soft = cv2.GaussianBlur(person, (0, 0), 0.9)
        return person + 4 * share * (1 - share) * (soft - person)


def around(inside: np.ndarray, margin: int = 12) -> tuple[slice, slice]:
    """The rectangle [rows, columns] about what is set, a little larger."""
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    return tuple(slice(max(0, int(v[0]) - margin), int(v[-1]) + 1 + margin) for v in (rows, columns))


def sample(plane: np.ndarray, source: np.ndarray) -> np.ndarray:
    """Bilinear, `source` [..., 2] in picture widths; the border goes on."""
    place = source * plane.shape[0] - 0.5
    return cv2.remap(plane, place[..., 0], place[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def face_light(picture: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """[3] colour of the brightest tenth of the face: the light's more than the skin's."""
    mask = np.zeros(picture.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(landmarks[FACE_OVAL, :2] * picture.shape[0]).astype(np.int32)], 1)
    skin = picture[mask > 0].astype(np.float32)
    grey = skin.mean(axis=1)
    return skin[grey >= np.percentile(grey, 90)].mean(axis=0) + 1


def in_light(mouth: np.ndarray, here: np.ndarray, there: np.ndarray) -> np.ndarray:
    """A donor's colours [..., 3] under the portrait's light: brightness, tint, and teeth no brighter than they can be."""
    tint = np.clip(np.sqrt((here / here.mean()) / (there / there.mean())), *TINT)
    grey = mouth.mean(axis=-1, keepdims=True)
    level = np.maximum(grey / there.mean(), 1e-3)
    tooth = np.clip(
        (FLESH - (mouth.max(axis=-1, keepdims=True) - mouth.min(axis=-1, keepdims=True)) / np.maximum(mouth.max(axis=-1, keepdims=True), 1))
        / 0.2,
        0,
        1,
    )
    wanted = np.maximum(DEPTH + CONTRAST * (level - DEPTH), 0.35 * level)
    wanted = BRIGHTEST * np.tanh(wanted / BRIGHTEST)
    wanted = np.minimum(wanted, tooth * wanted + (1 - tooth) * SHADED * level)
    coloured = tint * (1 + PALER * (mouth / np.maximum(grey, 1) - 1))
    warm = np.minimum(coloured, coloured[..., :1] * WARM)
    coloured = warm * (coloured.mean(axis=-1, keepdims=True) / np.maximum(warm.mean(axis=-1, keepdims=True), 1e-3))
    return np.clip(coloured * wanted * min(here.mean(), LIGHTEST), 0, 255)


def flow_between(here: View, there: View, *, neighbours: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """At the centres of cells of `here`: flow [F, F, 2] to the same point in `there` (picture widths), and seen [F, F] bool.

    Flow comes from the mesh itself, so it also says where a hidden point would be; seen compares what both frames show at the two places.
    Borrowed mouths show the same teeth only in `neighbours`, frames that follow each other in one run: other runs may have other donors."""
    t = topology()
    fine = here.triangle.shape[0]
    step = 2 * FLOW_STRIDE
    rows = np.arange(step // 2, fine, step)
    grid = np.ix_(rows, rows)
    triangle, corners = here.triangle[grid], here.corners[grid]
    solid = (triangle >= 0) & (here.alpha[grid] > 0.5)
    vertices = t.triangles[np.maximum(triangle, 0)]
    place = np.stack(np.meshgrid(rows + 0.5, rows + 0.5), -1) / fine
    target = np.einsum("yxc,yxcd->yxd", corners, there.posed.points[vertices][..., :2])
    flow = np.where(solid[..., None], target - place, 0)
    at = np.floor((place + flow) * fine).astype(int)
    within = ((at >= 0) & (at < fine)).all(-1)
    x, y = np.clip(at, 0, fine - 1)[..., 0], np.clip(at, 0, fine - 1)[..., 1]
    kind = lambda v, i: np.where(v >= 0, t.kinds[np.maximum(v, 0)], -1) == i  # noqa: E731
    mouth_here, mouth_there = kind(triangle, MOUTH), kind(there.triangle[y, x], MOUTH)
    same = np.linalg.norm(here.source[grid] - there.source[y, x], axis=-1) < SAME_PLACE
    person = solid & (there.alpha[y, x] > 0.5) & same & (mouth_here == mouth_there)
    one_donor = here is there or (neighbours and here.borrowed and there.borrowed)
    if (here.borrowed or there.borrowed) and not one_donor:
        person &= ~mouth_here
    background = ~solid & (there.alpha[y, x] < 0.5)
    return flow.astype(np.float16), within & (person | background)


def head_cells(view: View) -> np.ndarray:
    """[F, F] uint8 0..255: the person's share of each cell."""
    fine = view.alpha.shape[0]
    side = fine // (2 * FLOW_STRIDE)
    return np.round(255 * cv2.resize(view.alpha.astype(np.float32), (side, side), interpolation=cv2.INTER_AREA)).astype(np.uint8)
