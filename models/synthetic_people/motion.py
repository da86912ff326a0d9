"""Random poses and talking motion: portraits in varied poses, and clips of heads that turn, speak, blink, look about and smile."""

from __future__ import annotations

import numpy as np

from .animation import BROWS_UP, SMILE, Clip, blinks, key_frames
from .person import Pose
from .speech import Phoneme, Speech
from .strong import grin, narrow_o, shout, strong, wink

CONSONANTS = ("p", "b", "m", "f", "v", "T", "t", "d", "n", "s", "z", "S", "tS", "k", "g", "l", "r", "w", "j", "h")
VOWELS = ("a", "A", "0", "O", "E", "3", "@", "V", "I", "i", "u", "U", "aI", "aU", "oU", "eI", "OI")
SMILE_WITH_TEETH = SMILE | {
    "mouthUpperUpLeft": 0.7,
    "mouthUpperUpRight": 0.7,
    "jawOpen": 0.06,
    "mouthLowerDownLeft": 0.35,
    "mouthLowerDownRight": 0.35,
}
PAIRS = (
    "browDown", "browOuterUp", "cheekSquint", "eyeSquint", "eyeWide", "mouthDimple", "mouthFrown", "mouthLowerDown", "mouthPress",
    "mouthSmile", "mouthStretch", "mouthUpperUp", "noseSneer",
)  # fmt: skip
SINGLES = (
    "browInnerUp",
    "cheekPuff",
    "jawForward",
    "jawLeft",
    "jawRight",
    "mouthFunnel",
    "mouthLeft",
    "mouthPucker",
    "mouthRight",
    "mouthRollLower",
    "mouthRollUpper",
    "mouthShrugLower",
)
YAW, PITCH, ROLL = 28.0, 15.0, 15.0  # degrees, the farthest that clips go
STRONG_SHARE = 0.4  # of the clips hold a strong expression: a shout, an "O", a grin, a wink
ASIDE_SHARE, ASIDE = 0.15, (24.0, 34.0)  # of the clips look so many degrees aside


def babble(random: np.random.Generator, seconds: float) -> Speech:
    """Syllables without sense, with pauses: phoneme times as a speaker has them, no sound."""
    phonemes, now = [], 0.0
    while now < seconds:
        for name, length in ((random.choice(CONSONANTS), random.uniform(0.05, 0.12)), (random.choice(VOWELS), random.uniform(0.08, 0.24))):
            phonemes.append(Phoneme(str(name), now, now + length))
            now += length
        if random.random() < 0.08:
            now += random.uniform(0.15, 0.6)
    return Speech(np.zeros(0, np.float32), phonemes)


def _units(random: np.random.Generator, count: int, most: float) -> dict[str, float]:
    """A few expression units at random weights; of pairs both sides, or one."""
    weights: dict[str, float] = {}
    for _ in range(count):
        weight = float(random.uniform(0.1, most))
        if random.random() < 0.7:
            name = random.choice(PAIRS)
            sides = ("Left", "Right") if random.random() < 0.75 else (str(random.choice(["Left", "Right"])),)
            weights |= {f"{name}{side}": weight for side in sides}
        else:
            weights[str(random.choice(SINGLES))] = weight
    return weights


def reference_poses(random: np.random.Generator) -> list[Pose]:
    """Eight portraits; the first is calm and frontal."""

    def near(value: float = 0.0, spread: float = 3.0) -> float:
        return float(value + random.normal(0, spread))

    def pose(expression: dict[str, float], yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0, aside: float = 0.0) -> Pose:
        yaw, pitch, roll = near(yaw), near(pitch, 2.0), near(roll, 2.0)
        shift = tuple(random.normal(0, [0.06, 0.05, 0.15]))
        return Pose(
            expression,
            yaw,
            pitch,
            roll,
            gaze_yaw=-0.5 * yaw + aside + near(spread=2.0),
            gaze_pitch=-0.4 * pitch + near(spread=1.5),
            shift=shift,
        )

    opening = {"jawOpen": float(random.uniform(0.35, 0.9))} | _units(random, 2, 0.6)
    if random.random() < 0.15:
        opening |= {"tongueOut": float(random.uniform(0.3, 0.9))}
    vowel = {
        "visemes01/" + str(random.choice(["aa_02", "ao_03", "ey_eh_uh_04", "w_uw_07", "y_iy_ih_ix_06"])): float(random.uniform(0.6, 1.0))
    }
    shut = float(random.uniform(0.85, 1.0)) if random.random() < 0.35 else 0.0
    closed = {"eyeBlinkLeft": shut, "eyeBlinkRight": shut} if shut else {}
    smile = {name: weight * float(random.uniform(0.7, 1.1)) for name, weight in SMILE_WITH_TEETH.items()}
    return [
        Pose(yaw=near(spread=1.0), pitch=near(spread=1.0), roll=near(spread=0.7)),
        pose(grin(random) if random.random() < 0.4 else smile),
        pose(shout(random) if random.random() < 0.4 else opening),
        pose(narrow_o(random) if random.random() < 0.3 else vowel, yaw=float(random.uniform(12, 25))),
        pose(_units(random, 2, 0.6), yaw=-float(random.uniform(12, 25))),
        pose(vowel | closed, pitch=float(random.choice([-1, 1]) * random.uniform(6, 12))),
        pose(
            wink(random) if random.random() < 0.3 else BROWS_UP | _units(random, 1, 0.5),
            roll=float(random.choice([-1, 1]) * random.uniform(5, 13)),
            aside=float(random.choice([-1, 1]) * random.uniform(8, 22)),
        ),
        pose(
            _units(random, 3, 0.8) | {"jawOpen": float(random.uniform(0.05, 0.5))},
            yaw=near(spread=10),
            pitch=near(spread=5),
            roll=near(spread=5),
        ),
    ]


def _wander(random: np.random.Generator, times_s: np.ndarray, middle: float, spread: float, limit: float) -> np.ndarray:
    """[T] a smooth random course: slow and quick waves about `middle`, bent softly into ±limit."""
    course = np.full(len(times_s), middle)
    for rate in random.uniform([0.15, 0.4, 0.9], [0.4, 0.9, 1.9]):
        course += spread * random.normal() / (1 + rate) * np.sin(2 * np.pi * rate * times_s + random.uniform(0, 2 * np.pi))
    return limit * np.tanh(course / limit)


def _gaze(random: np.random.Generator, times_s: np.ndarray, head: np.ndarray, spread: float) -> np.ndarray:
    """[T] degrees against the head: the eyes hold a place in the room and jump to another in 40 ms."""
    course = np.zeros(len(times_s))
    target, now = random.normal(0, spread * 0.4), float(random.uniform(0, 0.5))
    course += target
    while now < times_s[-1]:
        following = random.normal(0, spread) if random.random() < 0.4 else random.normal(0, spread * 0.3)
        course += (following - target) * np.clip((times_s - now) / 0.04, 0, 1)
        target, now = following, now + float(random.uniform(0.3, 1.6))
    return np.clip(course - 0.7 * head, -28, 28)


def _held(random: np.random.Generator, times_s: np.ndarray) -> np.ndarray:
    """[T] rises from 0 to 1 in a quarter of a second and mostly stays; some clips begin when it is there already."""
    length = float(times_s[-1])
    start, stays = float(random.uniform(-0.5, length * 0.6)), float(random.uniform(0.3, 2.0))
    return key_frames(
        times_s, [(-10, 0), (start, 0), (start + 0.25, 1), (start + 0.25 + stays, 1), (start + 0.6 + stays, 0), (length + 10, 0)]
    )


def talking_clip(random: np.random.Generator, frames: int, frame_rate: float) -> list[Pose]:
    """Poses of consecutive frames. Every third clip or so has a blink within; most speak, some smile, some pull a face."""
    times = np.arange(frames) / frame_rate
    length = float(times[-1])
    yaw = _wander(random, times, random.normal(0, 10), 9, YAW)
    pitch = _wander(random, times, random.normal(0, 4), 5, PITCH)
    roll = _wander(random, times, random.normal(0, 4), 4, ROLL)
    count = int(random.random() < 0.38) if length < 1.5 else int(length / 1.2)
    clip = Clip(times, yaw, pitch, roll, blinks(times, [float(t) for t in random.uniform(0, length, count)]))
    held = random.random() < STRONG_SHARE
    if held:
        clip.add(_held(random, times), strong(random))
    if random.random() < (0.35 if held else 0.8):
        warmed_up = float(random.uniform(0.3, 1.0))  # in the middle of a sentence
        clip.speak(babble(random, length + warmed_up + 0.3), -warmed_up)
        loud = float(random.uniform(0.7, 1.25))
        clip.expression = {name: np.minimum(curve * loud, 1.1) for name, curve in clip.expression.items()}
    elif not held and random.random() < 0.6:
        clip.add(
            key_frames(
                times, [(-1.0, 0), (random.uniform(0, length / 2), 0), (random.uniform(length / 2, length) + 0.1, 1), (length + 1, 1)]
            ),
            {"jawOpen": float(random.uniform(0.3, 0.9))},
        )
    if not held and random.random() < 0.35:
        start = float(random.uniform(-0.3, length * 0.7))
        smile = SMILE_WITH_TEETH if random.random() < 0.6 else SMILE
        clip.add(key_frames(times, [(start, 0), (start + 0.4, 1), (start + 3, 1), (start + 3.5, 0)]) * random.uniform(0.5, 1), smile)
    if random.random() < 0.3:
        start = float(random.uniform(-0.2, length))
        clip.add(key_frames(times, [(start, 0), (start + 0.25, 1), (start + 0.9, 1), (start + 1.3, 0)]), BROWS_UP)
    if random.random() < 0.5:
        clip.add(np.ones(frames), _units(random, 2, 0.45))
    sideways, up, near = (_wander(random, times, random.normal(0, s), s, 4 * s) for s in (0.07, 0.05, 0.15))
    gaze, down = _gaze(random, times, yaw, 13), _gaze(random, times, pitch, 5)
    if random.random() < ASIDE_SHARE:
        gaze = gaze + _held(random, times) * (random.choice([-1, 1]) * random.uniform(*ASIDE) - gaze)
    return [_placed(clip.pose(t), gaze[t], down[t], (sideways[t], up[t], near[t])) for t in range(frames)]


def _placed(pose: Pose, gaze_yaw: float, gaze_pitch: float, shift: tuple[float, ...]) -> Pose:
    lids = {}
    if gaze_pitch > 4:  # lids go down with a lowered gaze
        lids = {side: max(pose.expression.get(side, 0.0), min(0.45, gaze_pitch / 40)) for side in ("eyeBlinkLeft", "eyeBlinkRight")}
    weights = {name: min(weight, 1.1) for name, weight in (pose.expression | lids).items()}
    return Pose(weights, pose.yaw, pose.pitch, pose.roll, float(gaze_yaw), float(gaze_pitch), tuple(float(x) for x in shift))
