"""The five people of the committed fixtures."""

from __future__ import annotations

from dataclasses import dataclass

from .assets import Assets
from .person import PersonSpec
from .scene import Lighting
from .variety import random_face

# The assets' neutral faces look stern: a trace of a smile and of raised inner brows belongs to each of these people.
REST = {
    "faceunits01/mouthSmileLeft": 0.12, "faceunits01/mouthSmileRight": 0.12, "faceunits01/browInnerUp": 0.22,
    "faceunits01/mouthPressLeft": 0.1, "faceunits01/mouthPressRight": 0.1,
}  # fmt: skip


@dataclass(frozen=True)
class Actor:
    name: str
    spec: PersonSpec
    lighting: Lighting
    room: int  # backdrop seed
    camera_distance: float = 6.4
    room_brightness: float = 1.0


def cast(assets: Assets) -> dict[str, Actor]:
    def face(seed: int, amplitude: float = 0.14, **own: float) -> dict[str, float]:
        return random_face(assets, seed, amplitude) | REST | {name.replace("__", "/"): w for name, w in own.items()}

    actors = [
        Actor(
            "anna",
            PersonSpec(
                sex="female", age=27, ancestry={"caucasian": 1.0}, weight=-0.1, face=face(11),
                skin="young_lightskinned_female_diffuse2", skin_gain=(0.80, 0.74, 0.72), eyelashes="eyelashes/eyelashes01",
                hair="hair/ponytail01", hair_brightness=0.8,
                eyebrows="eyebrows/eyebrow001", brow_colour=(0.09, 0.055, 0.035), eyes="green", clothes="clothes/female_sportsuit01",
            ),
            Lighting(), room=3,
        ),
        Actor(
            "grace",
            PersonSpec(
                sex="female", age=48, ancestry={"african": 1.0}, weight=0.15, face=face(21),
                skin="middleage_darkskinned_female_diffuse", skin_gain=(1.35, 1.45, 1.5), skin_saturation=0.72, hair="hair/afro01",
                hair_brightness=1.6,
                eyebrows="eyebrows/eyebrow002", brow_colour=(0.015, 0.012, 0.01), eyelashes="eyelashes/eyelashes01", eyes="brown",
                eye_saturation=0.45,
                clothes="clothes/female_elegantsuit01",
            ),
            Lighting(key_direction=(0.6, 0.5, 0.75), fill_direction=(-0.8, 0.1, 0.6), exposure=1.25), room=8,
        ),
        Actor(
            "kenji",
            PersonSpec(
                sex="male", age=33, ancestry={"asian": 1.0}, face=face(31),
                skin="young_lightskinned_male_diffuse3", skin_gain=(0.80, 0.72, 0.66), hair="hair/short04", hair_brightness=0.8,
                eyebrows="eyebrows/eyebrow010", brow_colour=(0.02, 0.016, 0.015), eyelashes="eyelashes/eyelashes01",
                eyes="brown", eye_saturation=0.35, clothes="clothes/male_casualsuit01",
            ),
            Lighting(key_colour=(0.92, 0.96, 1.0), fill_colour=(0.30, 0.27, 0.22)), room=14,
        ),
        Actor(
            "walter",
            PersonSpec(
                sex="male", age=66, ancestry={"caucasian": 1.0}, weight=0.2, face=face(41),
                skin="old_lightskinned_male_diffuse2", skin_gain=(0.85, 0.87, 0.92), skin_saturation=0.7, hair="hair/short02",
                hair_colour=(0.55, 0.55, 0.54),
                eyebrows="eyebrows/eyebrow008", brow_colour=(0.3, 0.29, 0.28), eyelashes="eyelashes/eyelashes01",
                eyes="lightblue", clothes="clothes/male_elegantsuit01",
            ),
            Lighting(key_direction=(0.35, 0.7, 0.75), fill_direction=(-0.8, 0.0, 0.6)), room=22,
        ),
        Actor(
            "sam",
            PersonSpec(
                sex="male", age=36, ancestry={"african": 0.55, "caucasian": 0.45}, muscle=0.2, face=face(52),
                skin="young_darkskinned_male_diffuse", skin_gain=(1.8, 1.8, 1.8), skin_saturation=0.85, hair="hair/short01",
                hair_brightness=0.9,
                eyebrows="eyebrows/eyebrow008", brow_colour=(0.02, 0.015, 0.012), eyelashes="eyelashes/eyelashes01",
                eyes="brown", eye_saturation=0.45, clothes="clothes/male_casualsuit06",
            ),
            Lighting(), room=31,
        ),
    ]  # fmt: skip
    return {actor.name: actor for actor in actors}
