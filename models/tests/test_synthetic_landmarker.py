"""The tracker in Python against the server's (server/landmarker), whose points on two fixture portraits are written down here."""

from pathlib import Path

import cv2
import numpy as np
import pytest

landmarker = pytest.importorskip("vid2vid.data.landmarker")

PORTRAITS = Path(__file__).parents[2] / "test/fixtures/portraits"
# Landmarker.detect of the server on the 640 x 640 portraits, pixels.
SERVER = {
    "anna-neutral": {
        1: (321.99, 299.86, -54.43), 10: (322.45, 153.89, -15.67), 13: (320.47, 346.04, -18.19), 14: (320.28, 346.14, -17.21),
        33: (245.0, 239.98, 14.96), 152: (319.19, 419.14, 10.48), 263: (397.55, 240.73, 17.43), 468: (268.97, 239.99, 5.68),
    },
    "grace-turned-left": {
        1: (433.83, 303.83, -49.87), 10: (408.46, 158.39, -4.06), 13: (423.44, 351.02, -19.97), 14: (423.71, 351.91, -19.32),
        33: (326.75, 236.54, -16.05), 152: (412.28, 419.74, 1.27), 263: (463.39, 241.66, 52.17), 468: (348.13, 238.15, -15.37),
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def tracker():
    try:
        return landmarker.Landmarker()
    except FileNotFoundError as error:
        pytest.skip(f"SKIPPED: {error}")


def picture(name: str) -> np.ndarray:
    return np.ascontiguousarray(cv2.imread(str(PORTRAITS / f"{name}.jpg"))[..., ::-1])


@pytest.mark.parametrize("name", SERVER)
def test_points_agree_with_the_servers(tracker, name):
    image = picture(name)
    points, flag = tracker.track(image)
    assert points.shape == (478, 3) and points.dtype == np.float32 and flag > 20
    for number, expected in SERVER[name].items():
        assert np.abs(points[number] - expected).max() < 0.6, number  # JPEG decoders differ; the same bytes agree to 0.001
    left, top = points[:, :2].min(axis=0)
    width, height = np.ptp(points[:, :2], axis=0)
    from_box, _ = tracker.track(image, (left + 6, top - 6, width, height))
    assert np.abs(from_box - points).max() < 1.5
    once_more, kept = tracker.track(image, points)
    assert np.abs(once_more - points).max() < 1.0 and kept > 20


def test_a_video_follows_a_moving_face(tracker):
    image = picture("anna-neutral")
    points, _ = tracker.track(image)
    turn = cv2.getRotationMatrix2D((320, 300), 8, 0.95)
    moved = cv2.warpAffine(image, turn, (640, 640), borderMode=cv2.BORDER_REPLICATE)
    followed, flag = tracker.track(moved, points)
    followed, flag = tracker.track(moved, followed)
    expected = points[:, :2] @ turn[:, :2].T + turn[:, 2]
    assert flag > 20 and np.linalg.norm(followed[:, :2] - expected, axis=1).mean() < 3


def test_no_face_is_no_face(tracker):
    points, flag = tracker.track(picture("bad-no-face"))
    assert flag == landmarker.NONE_FOUND and not points.any()


def test_a_missing_network_says_what_to_do(tmp_path):
    with pytest.raises(FileNotFoundError, match="npm run setup"):
        landmarker.model_file("mesh", tmp_path)
