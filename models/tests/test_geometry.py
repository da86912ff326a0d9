import numpy as np
import pytest

from synthetic_people.assets import islands
from synthetic_people.geometry import NormalBuilder, axis_angle, rotate_by_share, rotation, split_seams


def test_normals_of_a_tetrahedron_point_outwards():
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
    normals = NormalBuilder(faces, 4)(corners)
    assert np.allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-5)
    assert (np.einsum("nd,nd->n", normals, corners - corners.mean(axis=0)) > 0).all()


@pytest.mark.parametrize("angles", [(20, 0, 0), (0, -15, 0), (0, 0, 9), (25, 10, -8)])
def test_a_full_share_of_the_rotation_vector_is_the_rotation(angles):
    points = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    pivot = np.array([0.1, 0.2, 0.3])
    turned = rotate_by_share(points, np.ones(50, np.float32), axis_angle(rotation(*angles)), pivot)
    assert np.allclose(turned, (points - pivot) @ rotation(*angles).T + pivot, atol=1e-5)


def test_no_share_moves_nothing_and_half_a_share_turns_half_as_far():
    point = np.array([[1.0, 0, 0], [1.0, 0, 0]], np.float32)
    turned = rotate_by_share(point, np.array([0, 0.5], np.float32), np.array([0, 0, np.pi / 2]), np.zeros(3))
    assert np.allclose(turned[0], [1, 0, 0])
    assert np.allclose(turned[1], [np.sqrt(0.5), np.sqrt(0.5), 0], atol=1e-6)


def test_yaw_turns_the_nose_to_the_persons_left_and_pitch_nods_down():
    assert (rotation(20, 0, 0) @ [0, 0, 1])[0] > 0
    assert (rotation(0, 20, 0) @ [0, 0, 1])[1] < 0


def test_seams_are_split_only_where_the_texture_is_cut():
    positions, uvs, triangles = split_seams(np.array([[0, 1, 2], [1, 2, 3]]), np.array([[0, 1, 2], [4, 2, 3]]))
    assert len(positions) == 5  # vertex 1 is there twice
    assert positions[triangles].tolist() == [[0, 1, 2], [1, 2, 3]]
    assert uvs[triangles].tolist() == [[0, 1, 2], [4, 2, 3]]


def test_islands_are_connected_components():
    labels = islands(np.array([[0, 1, 2], [2, 3, 4], [5, 6, 7]]), 8)
    assert labels.tolist() == [0, 0, 0, 0, 0, 5, 5, 5]
