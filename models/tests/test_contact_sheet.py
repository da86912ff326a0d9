"""What is looked at by eye: that each pose is the one it is called, that runs begin at rest, that the sheet and clips come out whole."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="SKIPPED: PyTorch is not installed")

import cv2  # noqa: E402
import numpy as np  # noqa: E402

from vid2vid import checkpoint, contact_sheet  # noqa: E402
from vid2vid.config import NetworkConfig, TrainConfig  # noqa: E402
from vid2vid.data.head_pose import canonical_face, head_pose  # noqa: E402
from vid2vid.data.store import ClipRange, PersonEntry, Source, SourceReader, SourceWriter  # noqa: E402
from vid2vid.evaluation.animators import Checkpoint  # noqa: E402
from vid2vid.evaluation.art import marble, painting  # noqa: E402
from vid2vid.evaluation.sheets import attention_row  # noqa: E402
from vid2vid.networks import topology as t  # noqa: E402
from vid2vid.networks.lite import Lite  # noqa: E402

SIZE = 64
KINDS = ("turned 25 left", "turned 25 right", "mouth wide open", "smile", "blink", "look aside")


def posed(kind: str | None, strength: float = 1.0) -> np.ndarray:
    """[478, 3] picture widths: the canonical face, doing one thing."""
    points = canonical_face().copy()
    if kind == "mouth wide open":
        points[t.INNER_LOWER_LIP, 1] += 0.16 * strength
    if kind == "smile":
        points[[61, 291], 0] += np.array([-0.05, 0.05]) * strength
        points[t.INNER_LOWER_LIP, 1] += 0.03
    if kind == "blink":
        for upper, lower in zip(t.UPPER_LIDS, t.LOWER_LIDS):
            points[upper, 1] += strength * (points[lower, 1].mean() - points[upper, 1].mean())
    if kind == "look aside":
        points[[i for ring in t.IRISES for i in ring], 0] += 0.03 * strength
    if kind and kind.startswith("turned"):
        angle = np.radians(-25 if kind.endswith("left") else 25) * strength
        x, z = points[:, 0].copy(), points[:, 2].copy()
        points[:, 0], points[:, 2] = x * np.cos(angle) - z * np.sin(angle), x * np.sin(angle) + z * np.cos(angle)
    return (points * 0.45 + [0.5, 0.45, 0]).astype(np.float32)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Four held-out people: three portraits at rest and two clips of everything at half and at full strength."""
    root = tmp_path_factory.mktemp("data")
    shows = [None, None, None, *((kind, s) for kind in KINDS for s in (0.5, 1.0))]
    people = [PersonEntry(f"p{i}", i * len(shows), 3, [ClipRange(i * len(shows) + at, 6) for at in (3, 9)], True) for i in range(4)]
    writer = SourceWriter(root / "faces", Source("faces", SIZE, 25, "made in a test", people), flow=False)
    for person in people:
        for row, show in enumerate(shows):
            writer.arrays["landmarks"][person.start + row] = posed(*show) if show else posed(None)
            writer.arrays["frames"][person.start + row] = 40 + 50 * (person.start // len(shows))
    writer.close()
    return root


def test_each_pose_is_what_it_is_called(data):
    poses = {pose.name: pose for pose in contact_sheet.find_poses(SourceReader(data / "faces"))}
    assert tuple(poses) == KINDS
    for kind, pose in poses.items():
        assert np.allclose(pose.points, posed(kind), atol=1e-5), kind
        assert np.allclose(pose.rest, posed(None), atol=1e-5)
    yaws = [head_pose(poses[f"turned 25 {side}"].points).yaw for side in ("left", "right")]
    assert yaws == pytest.approx([-25, 25], abs=1), "left and right as on the screen"


def test_a_run_begins_at_rest_and_holds_the_pose(data):
    pose = contact_sheet.find_poses(SourceReader(data / "faces"))[0]
    run = contact_sheet.run_to(pose)
    assert np.allclose(run[0], pose.rest) and np.allclose(run[-3:], pose.points)
    assert np.abs(np.diff(run, axis=0)).max() < 0.5 * np.abs(pose.points - pose.rest).max()


def test_a_drivers_course_has_no_jumps_and_names_its_frames(data):
    reader = SourceReader(data / "faces")
    person = reader.people(held_out=True)[1]
    points, rows = contact_sheet.course(reader, person, 2)
    assert points.shape == (50, 478, 3) and rows.shape == (50,)
    stored = np.array(reader.array("landmarks")[person.start + rows])
    joined = ~np.isclose(points, stored).all((1, 2))
    assert 0 < joined.sum() < 25
    assert np.abs(np.diff(points, axis=0)).max() <= np.abs(np.diff(stored[~joined], axis=0)).max() + 1e-6


def test_stone_has_no_colour_and_paint_has_fewer_shades(data):
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE
    picture = np.stack([255 * x, 255 * y, 255 * (1 - x)], -1).astype(np.uint8)
    stone, paint = marble(picture), painting(picture)
    assert stone.shape == paint.shape == picture.shape and stone.dtype == paint.dtype == np.uint8
    assert np.ptp(stone.astype(int), axis=-1).max() < 20 < np.ptp(picture.astype(int), axis=-1).mean()
    assert np.array_equal(stone, marble(picture))
    assert len(np.unique(paint[..., 1] // 4)) < 0.8 * len(np.unique(picture[..., 1] // 4))
    names = [s.name for s in contact_sheet.subjects_of(SourceReader(data / "faces"), 10, 2, {"p1"})]
    assert names == ["p0", "p2", "p3"], "nobody twice, nobody who was to be left out"


def test_sheet_attention_and_clips_come_out_whole(data, tmp_path, monkeypatch):
    torch.manual_seed(1)
    network = Lite(NetworkConfig(size=SIZE))
    checkpoint.save(tmp_path / "last.pt", TrainConfig(network=network.config), {"step": 0, "average": network.state_dict()})
    monkeypatch.setattr("vid2vid.evaluation.animators.plate_of", lambda _, picture: picture)
    monkeypatch.setattr("vid2vid.evaluation.animators.matting", lambda: None)
    reader, animator = SourceReader(data / "faces"), Checkpoint(tmp_path / "last.pt")
    poses = contact_sheet.find_poses(reader)
    subjects = contact_sheet.in_art(contact_sheet.subjects_of(reader, 3, 3, {poses[0].driver}))
    assert [s.name for s in subjects][1:] == ["marble", "painting"] and poses[0].driver not in [s.name for s in subjects]
    rows = contact_sheet.sheet_rows(animator, subjects, poses)
    assert rows[0][0] == ["portrait", *KINDS]
    assert rows[0][1].shape == (contact_sheet.SIDE, 7 * contact_sheet.SIDE, 3)
    names, picture = attention_row(animator, subjects[0].portraits, subjects[0].landmarks, poses[2].points, 96)
    assert names == ["portrait 1", "portrait 2", "portrait 3", "output", "whose"] and picture.shape == (96, 5 * 96, 3)
    person = reader.people(held_out=True)[0]
    frames = contact_sheet.drive(animator, subjects[0], reader, person, 1.2)
    assert frames.shape == (30, SIZE, SIZE, 3)
    assert contact_sheet.film(animator, subjects[:1], reader, person, 0.4).shape == (10, contact_sheet.SIDE, 2 * contact_sheet.SIDE, 3)
    contact_sheet.write_clip(frames[:5], tmp_path / "clip.webp")
    assert cv2.imread(str(tmp_path / "clip.webp")) is not None
