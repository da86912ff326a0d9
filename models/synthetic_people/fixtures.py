"""Makes the committed test fixtures: python -m synthetic_people.fixtures --assets DIR --tracker face_landmarker.task --out test/fixtures"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import wave
from pathlib import Path

import cv2
import numpy as np

from .animation import SMILE, Clip, driver_clip, mouth_opening
from .assets import Assets
from .cast import Actor, cast
from .person import Person, Pose
from .renderer import Renderer
from .scene import Camera, room_backdrop
from .speech import SAMPLE_RATE, speak
from .tracking import track, tracked_opening, tracked_yaw

PORTRAIT_SIZE = 640
PORTRAIT_PEOPLE = ("anna", "grace", "kenji", "walter")
DRIVER = "sam"
CLIP_SIZE = (640, 480)
FRAME_RATE = 30
LOOP_FRAMES = 6 * FRAME_RATE  # what driver.mjpeg and driver.wav hold of driver.mp4
LANDMARK_SCALE = 24000  # int16 steps per picture width
OPEN = {"jawOpen": 0.62, "mouthUpperUpLeft": 0.5, "mouthUpperUpRight": 0.5, "browInnerUp": 0.2}
CLOSED = {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}
SMILE_WITH_TEETH = SMILE | {
    "mouthUpperUpLeft": 0.75,
    "mouthUpperUpRight": 0.75,
    "jawOpen": 0.08,
    "mouthLowerDownLeft": 0.3,
    "mouthLowerDownRight": 0.3,
}
PORTRAIT_POSES = {
    "neutral": Pose(),
    "smile": Pose(SMILE_WITH_TEETH, pitch=-2, roll=2),
    "mouth-open": Pose(OPEN),
    "turned-left": Pose(yaw=24, gaze_yaw=-10),
    "turned-right": Pose(yaw=-24, gaze_yaw=10),
}


def portrait_camera(person: Person, actor: Actor) -> Camera:
    eyes = np.mean(person.eye_centres, axis=0)
    return Camera(target=(0.0, float(eyes[1]) - 0.45, 0.6), distance=actor.camera_distance, height=0.15, field_of_view=33.0)


class Studio:
    """Renders and writes; keeps one renderer and the built people."""

    def __init__(self, assets: Assets, out: Path, supersample: int):
        self.out = out
        self.actors = cast(assets)
        self._assets = assets
        self._people: dict[str, Person] = {}
        self._supersample = supersample
        self._stills = Renderer(PORTRAIT_SIZE, PORTRAIT_SIZE, supersample)

    def person(self, name: str) -> Person:
        if name not in self._people:
            self._people[name] = Person(self._assets, self.actors[name].spec)
        return self._people[name]

    def still(self, name: str, pose: Pose, **camera: float) -> np.ndarray:
        """[640, 640, 3] RGB portrait."""
        actor, person = self.actors[name], self.person(name)
        view = portrait_camera(person, actor)
        view = Camera(**{**view.__dict__, **camera})
        backdrop = room_backdrop(actor.room, PORTRAIT_SIZE, PORTRAIT_SIZE, actor.room_brightness)
        return self._stills.render([(person, pose)], view, actor.lighting, backdrop)

    def portraits(self) -> None:
        for name in PORTRAIT_PEOPLE:
            for kind, pose in PORTRAIT_POSES.items():
                self._write(f"portraits/{name}-{kind}.jpg", self.still(name, pose))

    def unusable(self) -> None:
        """Pictures that enrolment must refuse or warn about."""
        self._write("portraits/bad-profile.jpg", self.still("anna", Pose(yaw=62)))
        self._write("portraits/bad-eyes-closed.jpg", self.still("anna", Pose(CLOSED)))
        self._write(
            "portraits/bad-tiny-face.jpg",
            self.still("kenji", Pose(), target=(0.0, 16.0, 0.6), height=-9.0, distance=26.0, field_of_view=60.0),
        )
        neutral = self.still("walter", Pose())
        blurred = cv2.GaussianBlur(neutral, (0, 0), 9)
        self._write("portraits/bad-blurred.jpg", blurred)
        dark = np.clip(neutral * 0.055 + np.random.default_rng(1).normal(0, 1.5, neutral.shape), 0, 255)
        self._write("portraits/bad-dark.jpg", dark.astype(np.uint8))
        self._write("portraits/bad-no-face.jpg", room_backdrop(5, PORTRAIT_SIZE, PORTRAIT_SIZE))
        pair = [(self.person("grace"), Pose(shift=(-1.45, 0.0, -0.2))), (self.person("kenji"), Pose(shift=(1.45, 0.0, -0.2)))]
        view = Camera(target=(0, 6.9, 0.6), distance=9.5, field_of_view=33)
        backdrop = room_backdrop(6, PORTRAIT_SIZE, PORTRAIT_SIZE)
        self._write("portraits/bad-two-faces.jpg", self._stills.render(pair, view, self.actors["kenji"].lighting, backdrop))

    def _write(self, name: str, image: np.ndarray, quality: int = 88) -> None:
        path = self.out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])

    def contact_sheet(self) -> None:
        rows = []
        for name in PORTRAIT_PEOPLE:
            pictures = [cv2.imread(str(self.out / f"portraits/{name}-{kind}.jpg")) for kind in PORTRAIT_POSES]
            rows.append(np.hstack([cv2.resize(p, (144, 144), interpolation=cv2.INTER_AREA) for p in pictures]))
        self._write("contact-sheet.jpg", np.vstack(rows)[..., ::-1], 85)

    # -- the driving clip

    def driver(self, tracker: Path | None) -> None:
        first = speak("My face moves, and the portrait moves with me.", words_per_minute=145, pitch=42)
        second = speak("No picture of me is sent.", words_per_minute=150, pitch=42)
        clip, speeches = driver_clip(first, second, FRAME_RATE)
        sound = np.zeros(round(len(clip.times_s) / FRAME_RATE * SAMPLE_RATE), np.float32)
        for speech, start in speeches:
            at = round(start * SAMPLE_RATE)
            sound[at : at + len(speech.samples)] += speech.samples
        sound *= 0.6 / np.abs(sound).max()
        with tempfile.TemporaryDirectory() as folder:
            frames = self._render_clip(clip, Path(folder))
            self._encode(frames, sound, Path(folder))
            truth = self._truth(clip)
            if tracker:
                self._landmarks(Path(folder), tracker, truth)
        (self.out / "driver-truth.json").write_text(json.dumps(truth) + "\n")

    def _render_clip(self, clip: Clip, folder: Path) -> list[Path]:
        actor, person = self.actors[DRIVER], self.person(DRIVER)
        renderer = Renderer(*CLIP_SIZE, self._supersample)
        backdrop = room_backdrop(actor.room, *CLIP_SIZE, actor.room_brightness)
        camera = portrait_camera(person, actor)
        paths = []
        for frame in range(len(clip.times_s)):
            image = renderer.render([(person, clip.pose(frame))], camera, actor.lighting, backdrop)
            paths.append(folder / f"frame-{frame:04d}.png")
            cv2.imwrite(str(paths[-1]), image[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])
            if frame % 30 == 29:
                print(f"driver: {frame + 1} of {len(clip.times_s)} frames", flush=True)
        return paths

    def _encode(self, frames: list[Path], sound: np.ndarray, folder: Path) -> None:
        write_wav(folder / "full.wav", sound)
        write_wav(self.out / "driver.wav", sound[: LOOP_FRAMES * SAMPLE_RATE // FRAME_RATE])
        pictures = ["-framerate", str(FRAME_RATE), "-i", str(folder / "frame-%04d.png")]
        video = ["-c:v", "libx264", "-preset", "veryslow", "-crf", "25", "-pix_fmt", "yuv420p", "-threads", "1"]
        exact = ["-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact", "-map_metadata", "-1"]
        _ffmpeg(
            *pictures,
            "-i",
            str(folder / "full.wav"),
            *video,
            "-c:a",
            "aac",
            "-b:a",
            "48k",
            "-movflags",
            "+faststart",
            *exact,
            str(self.out / "driver.mp4"),
        )
        with open(self.out / "driver.mjpeg", "wb") as stream:  # a run of JPEG pictures is what Chromium's fake camera reads
            for path in frames[:LOOP_FRAMES]:
                stream.write(
                    cv2.imencode(".jpg", cv2.imread(str(path)), [cv2.IMWRITE_JPEG_QUALITY, 60, cv2.IMWRITE_JPEG_OPTIMIZE, 1])[1].tobytes()
                )

    def _truth(self, clip: Clip) -> dict:
        person = self.person(DRIVER)
        rows = []
        for index, time_s in enumerate(clip.times_s):
            pose = clip.pose(index)
            closed = round(float(clip.blink[index]), 3)
            values = (time_s, pose.yaw, pose.pitch, pose.roll, mouth_opening(person, pose))
            rows.append([round(float(v), 4) for v in values] + [closed, closed])
        columns = ["timeS", "yawDegrees", "pitchDegrees", "rollDegrees", "mouthOpening", "leftEyeClosure", "rightEyeClosure"]
        return {
            "frameRate": FRAME_RATE,
            "width": CLIP_SIZE[0],
            "height": CLIP_SIZE[1],
            "loopFrames": LOOP_FRAMES,
            "columns": columns,
            "frames": rows,
        }

    def _landmarks(self, folder: Path, tracker: Path, truth: dict) -> None:
        """Tracks what a decoder gives (not the lossless frames), stores it, and refuses a clip that the tracker cannot follow."""
        _ffmpeg("-i", str(self.out / "driver.mp4"), str(folder / "seen-%04d.png"))
        found, landmarks = track(sorted(folder.glob("seen-*.png")), tracker, "VIDEO", 1000 / FRAME_RATE)
        rows = np.array(truth["frames"])
        mouth = np.corrcoef(tracked_opening(landmarks), rows[:, 4])[0, 1]
        yaw = np.corrcoef(tracked_yaw(landmarks), rows[:, 1])[0, 1]
        print(f"tracker: {found.mean():.1%} of the frames, correlation of mouth {mouth:.3f}, yaw {yaw:.3f}")
        if not found.all() or mouth < 0.9 or yaw < 0.9:
            raise RuntimeError("the tracker does not follow the clip well enough")
        np.clip(np.round(landmarks * LANDMARK_SCALE), -32768, 32767).astype("<i2").tofile(self.out / "driver-landmarks.bin")
        header = {
            "file": "driver-landmarks.bin", "type": "int16 little-endian", "shape": list(landmarks.shape), "scale": LANDMARK_SCALE,
            "units": "picture width; x right, y down, z away from the camera", "frameRate": FRAME_RATE, "width": CLIP_SIZE[0],
            "height": CLIP_SIZE[1],
            "tracker": "@mediapipe/tasks-vision 1.1.0 FaceLandmarker, VIDEO mode, CPU", "confidence": [int(f) for f in found],
        }  # fmt: skip
        (self.out / "driver-landmarks.json").write_text(json.dumps(header) + "\n")

    def check_portraits(self, tracker: Path) -> None:
        files = [self.out / f"portraits/{name}-{kind}.jpg" for name in PORTRAIT_PEOPLE for kind in PORTRAIT_POSES]
        found, landmarks = track(files, tracker, "IMAGE")
        for file, seen, opening, yaw in zip(files, found, tracked_opening(landmarks), tracked_yaw(landmarks)):
            print(f"{file.name:28} found {seen}  mouth {opening:.2f}  yaw {yaw:+.0f}")
        if not found.all():
            raise RuntimeError("a portrait has no face for the tracker")


def write_wav(path: Path, samples: np.ndarray) -> None:
    """16 bit, mono, 48 kHz."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())


def _ffmpeg(*arguments: str) -> None:
    subprocess.run(["ffmpeg", "-hide_banner", "-loglevel", "error", "-y", *arguments], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--assets", type=Path, required=True, help="folder of the MakeHuman assets")
    parser.add_argument("--tracker", type=Path, help="face_landmarker.task; default: beside the assets, in ../mediapipe")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", choices=["portraits", "driver"], help="make only a part")
    parser.add_argument("--supersample", type=int, default=2)
    options = parser.parse_args()
    tracker = options.tracker or options.assets / "../mediapipe/face_landmarker.task"
    studio = Studio(Assets(options.assets), options.out, options.supersample)
    if options.only != "driver":
        studio.portraits()
        studio.unusable()
        studio.contact_sheet()
        studio.check_portraits(tracker)
    if options.only != "portraits":
        studio.driver(tracker)


if __name__ == "__main__":
    main()
