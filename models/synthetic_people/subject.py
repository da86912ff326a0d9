"""A random person to train on, by seed: looks, light, camera, background and the camera's flaws. All of it is fixed for that person."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .assets import Assets
from .backdrops import random_backdrop
from .person import PersonSpec
from .scene import Camera, Lighting
from .variety import random_face

HAIR_COLOURS = (
    (0.012, 0.010, 0.010), (0.03, 0.022, 0.018), (0.07, 0.04, 0.022), (0.13, 0.075, 0.04), (0.22, 0.09, 0.04),
    (0.42, 0.27, 0.13), (0.62, 0.45, 0.24), (0.30, 0.29, 0.28), (0.60, 0.59, 0.58), (0.80, 0.79, 0.77),
)  # fmt: skip
GREY_FROM = 7
COVERS_AN_EYE = ("hair/bob01", "hair/bob02")
MALE_HAIR = ("hair/short01", "hair/short02", "hair/short03", "hair/short04", "hair/afro01")


@dataclass(frozen=True)
class Photo:
    """What a camera does to the picture after the lens."""

    gamma: float
    gains: tuple[float, float, float]
    blur: float  # pixels of a 256 picture
    noise: float  # 0..255
    jpeg: int | None

    def apply(self, image: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """[S, S, 3] uint8; `random` makes this frame's noise."""
        table = 255 * np.clip(np.outer((np.arange(256) / 255) ** self.gamma, self.gains), 0, 1)
        image = cv2.LUT(image, table.astype(np.uint8)[None])
        if self.blur > 0:
            image = cv2.GaussianBlur(image, (0, 0), self.blur)
        if self.noise > 0:
            image = np.clip(image + np.float32(self.noise) * random.standard_normal(image.shape, np.float32), 0, 255).astype(np.uint8)
        if self.jpeg is not None:
            coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, self.jpeg])[1]
            image = cv2.imdecode(coded, cv2.IMREAD_COLOR)  # channel order is the same on both ways
        return image


@dataclass(frozen=True)
class Subject:
    seed: int
    spec: PersonSpec
    skin: str  # light, medium, dark
    lighting: Lighting
    camera: Camera  # shows more than the picture: the builder cuts the head's square out of it
    backdrop: np.ndarray  # [S, S, 3] uint8
    photo: Photo


def skin_of(seed: int) -> str:
    return ("light", "medium", "dark")[seed % 3]


def sex_of(seed: int) -> str:
    return "female" if (seed // 3) % 2 == 0 else "male"


def random_subject(assets: Assets, seed: int, size: int, variant: int = 0) -> Subject:
    """`variant`: another one of the same sex and skin, where the first cannot be used. `size` of the picture, pixels."""
    random = np.random.default_rng([2202, seed, variant])
    skin = skin_of(seed)
    spec = _spec(assets, random, skin, sex_of(seed))
    return Subject(
        seed, spec, skin, random_lighting(random, skin), random_camera(random), random_backdrop(random, size), random_photo(random)
    )


def _spec(assets: Assets, random: np.random.Generator, skin: str, sex: str) -> PersonSpec:
    age = float(random.choice([random.uniform(17, 30), random.uniform(30, 55), random.uniform(55, 80)], p=[0.42, 0.38, 0.2]))
    texture, gain, saturation = _skin(assets, random, skin, sex, age)
    hair, brightness, colour, brows = _hair(assets, random, skin, sex, age)
    ancestry = random.dirichlet({"light": [0.15, 0.7, 0.9], "medium": [0.5, 0.7, 0.5], "dark": [1.5, 0.3, 0.2]}[skin])
    clothes = [name for name in assets.names("clothes") if f"/{sex}_" in name]
    return PersonSpec(
        sex=sex, age=age, ancestry=dict(zip(("african", "asian", "caucasian"), map(float, ancestry))),
        weight=float(np.clip(random.normal(0.05, 0.35), -0.8, 0.9)), muscle=float(np.clip(random.normal(0, 0.3), -0.7, 0.8)),
        face=random_face(assets, int(random.integers(1 << 30)), float(random.uniform(0.10, 0.24))) | _rest(random),
        skin=texture, skin_gain=gain, skin_saturation=saturation,
        hair=hair, hair_brightness=brightness, hair_colour=colour,
        eyebrows=str(random.choice(assets.names("eyebrows"))), brow_colour=brows,
        eyelashes=str(random.choice(assets.names("eyelashes"))),
        eyes=_iris(assets, random, skin), eye_saturation=float(random.uniform(0.3, 0.75)),
        teeth=str(random.choice(list(assets.names("teeth")))),
        clothes=str(random.choice(clothes)), clothes_gain=tuple(random.uniform(0.45, 1.15) * random.uniform(0.85, 1.1, 3)),
        clothes_colour=tuple(random.uniform(0.02, 0.8) * random.uniform(0.3, 1.0, 3)) if random.random() < 0.6 else None,
    )  # fmt: skip


def _rest(random: np.random.Generator) -> dict[str, float]:
    """The assets' neutral faces look stern; people's faces at rest differ."""
    smile, brow, press = random.uniform(0, 0.2), random.uniform(0.1, 0.5), random.uniform(0, 0.15)
    names = {"mouthSmileLeft": smile, "mouthSmileRight": smile, "browInnerUp": brow, "mouthPressLeft": press, "mouthPressRight": press}
    return {f"faceunits01/{name}": float(weight) for name, weight in names.items()}


def _skin(assets: Assets, random: np.random.Generator, skin: str, sex: str, age: float) -> tuple[str, tuple, float]:
    stage = "young" if age < 33 else "middleage" if age < 56 else "old"
    source = "lightskinned" if skin == "light" or (skin == "medium" and random.random() < 0.5) else "darkskinned"
    texture = str(random.choice([t for t in _skins(assets) if t.startswith(f"{stage}_{source}_{sex}_")]))
    if source == "lightskinned":
        level = random.uniform(0.72, 0.95) if skin == "light" else random.uniform(0.36, 0.55)
        tone = (1.0, random.uniform(0.84, 0.98), random.uniform(0.74, 0.98))
    else:
        level = random.uniform(0.9, 1.5) if skin == "dark" else random.uniform(1.8, 2.6)
        tone = (1.0, random.uniform(0.95, 1.08), random.uniform(0.9, 1.12))
    return texture, tuple(float(level * t) for t in tone), float(random.uniform(0.65, 0.95))


def _skins(assets: Assets) -> list[str]:
    return sorted(path.stem for path in (assets.root / "skins").glob("*.jpg"))


def _hair(assets: Assets, random: np.random.Generator, skin: str, sex: str, age: float) -> tuple:
    styles = [n for n in assets.names("hair") if n not in COVERS_AN_EYE and (n in MALE_HAIR or sex == "female")]
    style = None if sex == "male" and random.random() < 0.12 else str(random.choice(styles))
    grey = random.random() < np.clip((age - 38) / 40, 0, 0.85)
    dark = 3 if skin == "dark" or (skin == "medium" and random.random() < 0.7) else GREY_FROM
    which = int(random.integers(GREY_FROM, len(HAIR_COLOURS)) if grey else random.integers(0, dark))
    colour = np.array(HAIR_COLOURS[which]) * random.uniform(0.75, 1.3)
    brows = tuple(np.clip(colour * random.uniform(0.4, 0.9), 0.008, 0.35))
    if not grey and random.random() < 0.3:
        return style, float(random.uniform(0.5, 1.5)), None, brows  # as the texture has it
    return style, 1.0, tuple(colour), brows


def _iris(assets: Assets, random: np.random.Generator, skin: str) -> str:
    known = sorted(path.stem.removesuffix("_eye") for path in (assets.root / "eyes/materials").glob("*_eye.png"))
    brown = [name for name in known if name.startswith("brown")] or known
    return str(random.choice(brown if skin == "dark" or random.random() < 0.35 else known))


def random_lighting(random: np.random.Generator, skin: str) -> Lighting:
    def towards(azimuth: float, elevation: float) -> tuple[float, float, float]:
        a, e = np.radians([azimuth, elevation])
        return float(np.sin(a) * np.cos(e)), float(np.sin(e)), float(np.cos(a) * np.cos(e))

    def colour(level: float, spread: float) -> tuple[float, float, float]:
        warm = random.normal(0, spread)
        return tuple(float(level * x) for x in (1 + warm, 1 + random.normal(0, 0.02), 1 - warm))

    side = random.choice([-1, 1])
    soft = random.uniform(0, 1)  # 0: one hard lamp, 1: light from everywhere
    around = random.uniform(0.22, 0.42) + 0.2 * soft
    return Lighting(
        key_direction=towards(side * random.uniform(5, 70), random.uniform(-5, 60)), key_colour=colour(random.uniform(0.9,
        1.1) - 0.35 * soft, 0.08),
        fill_direction=towards(-side * random.uniform(20, 70), random.uniform(-15, 40)), fill_colour=colour(random.uniform(0.08, 0.4), 0.1),
        rim_direction=towards(random.uniform(110, 250), random.uniform(0, 60)), rim_colour=colour(random.uniform(0.0, 0.6), 0.12),
        sky=colour(around, 0.07), ground=colour(around * random.uniform(0.3, 0.8), 0.07),
        exposure=float(np.exp(random.normal(0, 0.2)) * {"light": 0.95, "medium": 1.05, "dark": 1.25}[skin]),
        shadow_strength=float(random.uniform(0.35, 0.95) * (1 - 0.4 * soft)),
    )  # fmt: skip


def random_camera(random: np.random.Generator) -> Camera:
    """45 to 110 cm away; the view is 52 cm high at the face, so that the head's square lies well inside."""
    distance = float(np.exp(random.uniform(np.log(4.5), np.log(11))))
    view = 2 * np.degrees(np.arctan(2.6 / distance))
    return Camera(distance=distance, height=float(distance * np.tan(np.radians(random.normal(0, 6)))), field_of_view=float(view))


def random_photo(random: np.random.Generator) -> Photo:
    return Photo(
        gamma=float(np.exp(random.normal(0, 0.12))),
        gains=tuple(np.clip(1 + random.normal(0, 0.05, 3), 0.85, 1.12)),
        blur=float(random.choice([0.0, random.uniform(0.3, 0.8)], p=[0.45, 0.55])),
        noise=float(random.choice([0.0, random.uniform(0.5, 4.0)], p=[0.4, 0.6])),
        jpeg=int(random.integers(62, 96)) if random.random() < 0.5 else None,
    )
