"""What a made frame is measured by in training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from .config import LossConfig
from .evaluation.efficientnet import EfficientNetFeatures
from .evaluation.perceptual import FeatureNetwork, SqueezeNetFeatures
from .networks import topology as t
from .networks.discriminator import Discriminator, feature_matching
from .networks.geometry import Sketch, centres, to_picture
from .networks.openings import eye_openings, mouth_opening

FACE_CROP = 9 / 16  # side of the perceptual crop, of the picture's
DETAIL_CROP = 1 / 4  # of a mouth or an eye
ELSEWHERE = 0.5  # of the perceptual crops lie where a turn revealed something: hair, ears, background
DARK_SLOPE = 16.0  # of the sigmoid that tells dark from light, which go from 0 to 1
LEAST_EYE = 24.0  # pixels of an opening from which an eye looks somewhere
MOUTH = t.OUTER_LIPS
EYES = [[*upper, *lower] for upper, lower in zip(t.UPPER_LIDS, t.LOWER_LIDS)]


@dataclass
class Target:
    """The truth of one frame of B samples."""

    frame: Tensor  # [B, 3, S, S]
    landmarks: Tensor  # [B, 478, 3] picture widths
    flow: Tensor  # [B, 2, F, F] to the warped portrait, -1..1 units
    seen: Tensor  # [B, F, F]
    flow_previous: Tensor  # [B, 2, F, F]
    seen_previous: Tensor  # [B, F, F]
    head: Tensor  # [B, F, F]
    exact: Tensor  # [B]
    known: Tensor  # [B] whether there was a previous frame


def ellipse(points: Tensor, size: int, grow: float) -> Tensor:
    """[B, 1, size, size] 1 inside of the ellipse around points [B, N, 2+] (-1..1), `grow` times as large as their box, soft at its rim."""
    low, high = points[..., :2].amin(1), points[..., :2].amax(1)
    middle, half = (low + high) / 2, (high - low).clamp(min=0.02) / 2 * grow
    half = torch.maximum(half, half.amax(1, keepdim=True) * 0.45)  # a shut mouth is still a mouth
    axis = centres(size, points.device)
    x = (axis[None, None, :] - middle[:, 0, None, None]) / half[:, 0, None, None]
    y = (axis[None, :, None] - middle[:, 1, None, None]) / half[:, 1, None, None]
    return ((1.15 - (x**2 + y**2).sqrt()) / 0.3).clamp(0, 1)[:, None]


def crop(picture: Tensor, middle: Tensor, side: int) -> Tensor:
    """Squares of `side` pixels around `middle` [B, 2] (-1..1), as whole pixels."""
    size = picture.shape[-1]
    corner = ((middle + 1) * size / 2 - side / 2).round().long().clamp(0, size - side)
    return torch.stack([p[:, y : y + side, x : x + side] for p, (x, y) in zip(picture, corner.tolist())])


def dark_middle(picture: Tensor, region: Tensor, axis: Tensor) -> Tensor:
    """Middle [B, 2] (-1..1) of what is dark in a region [B, S, S] of pictures [B, 3, S, S]: of an eye's opening, iris and pupil."""
    light = picture.float().mean(1)
    area = region.sum((1, 2), keepdim=True).clamp(min=1)
    usual = (light * region).sum((1, 2), keepdim=True) / area
    dark = torch.sigmoid((usual - light) * DARK_SLOPE) * region
    total = dark.sum((1, 2)).clamp(min=1e-3)
    return torch.stack([(dark.sum(1) * axis).sum(1), (dark.sum(2) * axis).sum(1)], 1) / total[:, None]


def flow_errors(made: dict[str, Tensor], reference: tuple[Tensor, Tensor], previous: tuple[Tensor, Tensor]) -> Tensor:
    """W's two flows against (exact flow [B, 2, F, F], where it counts [B, F, F]); an error counts up to a quarter of the picture."""
    return sum(
        ((made[name] - exact).abs().sum(1).clamp(max=0.5) * where).mean()
        for name, (exact, where) in (("flow", reference), ("flow_previous", previous))
    )


def perceptual_features(name: str, squeezenet: Path) -> FeatureNetwork:
    """The frozen network of the perceptual terms. `squeezenet`: its weights, for "squeezenet". Raises ValueError for another name."""
    if name == "squeezenet":
        return SqueezeNetFeatures(squeezenet)
    if name == "efficientnet":
        return EfficientNetFeatures()
    raise ValueError(f"loss.features is squeezenet or efficientnet, not {name}")


class Losses:
    def __init__(self, config: LossConfig, features: FeatureNetwork, size: int, device: str = "cpu"):
        self.config, self.features, self.size = config, features, size
        self.sketch = Sketch(size // 2).to(device)
        self.mouth, self.lids = mouth_opening().to(device), eye_openings().to(device)

    def __call__(
        self, made: dict[str, Tensor], target: Target, random: torch.Generator, judge: Discriminator | None, before: tuple[Tensor,
        Tensor] | None = None
    ) -> dict[str, Tensor]:  # fmt: skip
        """Weighted terms; their sum is what is minimised. `before`: the frame made before and the true one [B, 3, S, S], if there were
        any."""
        c, points = self.config, to_picture(target.landmarks)
        axis = centres(self.size, points.device)[None]
        inside = self.mouth(points, axis, axis)[:, None]
        mouth = torch.maximum(ellipse(points[:, MOUTH], self.size, 1.25), inside * c.inside)
        eyes = torch.maximum(*(ellipse(points[:, ring], self.size, 1.5) for ring in EYES))
        revealed = F.interpolate(self._revealed(target), size=self.size, mode="nearest")
        weight = 1 + (c.mouth - 1) * mouth + (c.eyes - 1) * eyes + (c.revealed - 1) * revealed
        terms = {"l1": c.l1 * ((made["frame"] - target.frame).abs() * weight).mean() / weight.mean()}
        # H's own picture too: where the masks take little of it nothing else would teach it, and so they would never take more.
        terms["synthesis"] = c.synthesis * ((made["synthesised"] - target.frame).abs() * weight).mean() / weight.mean()
        terms |= self._perceptual(made, target, points, self.crop_centres(target, random), random)
        terms |= self._flow(made, target)
        terms["gaze"] = c.gaze * self._gaze(made, target.frame, points)
        if before is not None and c.temporal > 0:
            made_before, true_before = before
            terms["temporal"] = c.temporal * ((made["frame"] - made_before) - (target.frame - true_before)).abs().mean()
        if judge is not None and c.adversarial > 0:
            terms |= self._adversarial(made["frame"], target, random, judge)
        return terms

    def crop_centres(self, target: Target, random: torch.Generator) -> Tensor:
        """Where to look closely [B, 2] (-1..1): around the face, or at a place that a turn revealed, or anywhere if there is none."""
        points = to_picture(target.landmarks)
        face = points[:, :, :2].mean(1) + 0.1 * torch.randn(len(points), 2, generator=random).to(points)
        revealed = self._revealed(target)
        small = F.avg_pool2d(revealed, revealed.shape[-1] // 16)[:, 0].flatten(1).cpu() + 1e-4
        cell = torch.multinomial(small, 1, generator=random)[:, 0]
        anywhere = (torch.stack([cell % 16, cell // 16], 1).to(points) + 0.5) / 8 - 1
        elsewhere = (torch.rand(len(points), 1, generator=random) < ELSEWHERE).to(points.device)
        return torch.where(elsewhere, anywhere, face)

    @staticmethod
    def _revealed(target: Target) -> Tensor:
        """[B, 1, F, F] what the warped portrait does not show."""
        return (1 - target.seen)[:, None] * target.exact[:, None, None, None]

    def _perceptual(
        self, made: dict[str, Tensor], target: Target, points: Tensor, middle: Tensor, random: torch.Generator
    ) -> dict[str, Tensor]:
        c, truth = self.config, target.frame
        side = int(self.size * FACE_CROP)
        terms = {"perceptual": c.perceptual * self.features.distance(crop(made["frame"], middle, side), crop(truth, middle, side)).mean()}
        rings = [MOUTH, MOUTH, MOUTH, *EYES]
        chosen = torch.randint(len(rings), (len(points),), generator=random).tolist()
        middle = torch.stack([points[i, rings[n], :2].mean(0) for i, n in enumerate(chosen)])
        side = int(self.size * DETAIL_CROP)
        # Enlarged, so that the finest layer sees lashes and teeth.
        details = [F.interpolate(crop(p, middle, side), size=96, mode="bilinear") for p in (made["frame"], made["synthesised"], truth)]
        fine = self.features.distance(torch.cat(details[:2]), details[2].repeat(2, 1, 1, 1))
        made_fine, synthesised_fine = fine.chunk(2)
        return terms | {"fine": c.fine * (made_fine.mean() + c.synthesis * synthesised_fine.mean())}

    def _gaze(self, made: dict[str, Tensor], truth: Tensor, points: Tensor) -> Tensor:
        """How far the dark of an eye lies from where it should, in the eye's widths, for the output and H's own picture."""
        axis, total = centres(self.size, points.device)[None], 0.0
        for lids, upper in zip(self.lids, t.UPPER_LIDS):
            opened = lids(points, axis, axis)
            width = (points[:, upper[0], :2] - points[:, upper[-1], :2]).norm(dim=1)
            seen = (opened.sum((1, 2)) > LEAST_EYE).float()
            true = dark_middle(truth, opened, axis)
            for picture in (made["frame"], made["synthesised"]):
                away = (dark_middle(picture, opened, axis) - true).abs().sum(1) / width.clamp(min=0.02)
                total = total + (away.clamp(max=0.5) * seen).mean() / 4
        return total

    def _flow(self, made: dict[str, Tensor], target: Target) -> dict[str, Tensor]:
        """W where the exact flow is known and the point is seen; elsewhere (and in addition) the warped portrait must look right."""
        c = self.config
        exact = target.exact[:, None, None]
        on_head = target.head * target.seen * exact
        on_past = target.seen_previous * target.head * exact * target.known[:, None, None]
        errors = flow_errors(made, (target.flow, on_head), (target.flow_previous, on_past))
        full = lambda m: F.interpolate(m[:, None], size=self.size, mode="nearest")  # noqa: E731
        anywhere = torch.where(exact > 0, on_head, self._face(target))
        warped = ((made["warped"] - target.frame).abs() * full(anywhere)).mean()
        return {
            "flow": c.flow * errors,
            "warp": c.warp * warped,
            "mask": c.mask * self._masks(made["masks"], target),
        }

    def _masks(self, masks: Tensor, target: Target) -> Tensor:
        """M: nothing is made up where the portrait shows it, nothing comes from the frame before, which blurs with each warp, where the
        portrait would do as well; the plate is the background and the warped portrait the person, not the other way round."""
        warped, plate, previous, synthesised = F.avg_pool2d(masks, 4).unbind(1)
        exact = target.exact[:, None, None]
        points = to_picture(target.landmarks)
        changing = torch.maximum(*(ellipse(points[:, ring], self.size // 4, 1.5) for ring in (EYES[0] + EYES[1], MOUTH)))[:, 0]
        shown = torch.where(exact > 0, target.seen, 0.5 * self._face(target) * (1 - changing))
        wrong_layer = exact * (target.head * plate + (1 - target.head) * warped)
        return ((synthesised + 0.5 * previous) * shown + wrong_layer).mean()

    def _face(self, target: Target) -> Tensor:
        return ellipse(to_picture(target.landmarks)[:, t.FACE_OVAL], self.size // 4, 1.0)[:, 0]

    def judged(self, target: Target, random: torch.Generator, *pictures: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Of each image the same crop [B, 3, S/2, S/2] with the semantic map there: a face or revealed place, or an enlarged mouth."""
        points, side = to_picture(target.landmarks), self.size // 2
        map_ = F.interpolate(self.sketch(points), size=self.size, mode="bilinear")
        if torch.rand((), generator=random) < self.config.judged_mouths:
            middle = points[:, MOUTH, :2].mean(1)
            closer = lambda x: F.interpolate(crop(x, middle, side // 2), size=side, mode="bilinear")  # noqa: E731
        else:
            middle = self.crop_centres(target, random)
            closer = lambda x: crop(x, middle, side)  # noqa: E731
        shown = closer(map_)
        return [(closer(picture), shown) for picture in pictures]

    def _adversarial(self, made: Tensor, target: Target, random: torch.Generator, judge: Discriminator) -> dict[str, Tensor]:
        own, true = self.judged(target, random, made, target.frame)
        judgement, features = judge(*own)
        with torch.no_grad():
            _, real = judge(*true)
        c = self.config
        return {
            "adversarial": -c.adversarial * judgement.float().mean(),
            "matching": c.adversarial * c.feature_matching * feature_matching(features, real),
        }
