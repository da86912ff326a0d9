"""Rigged avatars: the file format, and a drawn stand-in of the same build moved by the same expressions as the synthetic people."""

import json
import struct

import numpy as np
import pytest

pytest.importorskip("onnxruntime", reason="SKIPPED: ONNX Runtime is not installed")

from synthetic_people.avatar import EYES_AT, SCALE, Avatar, Part, Rig, morphs_of
from synthetic_people.motion import reference_poses, talking_clip
from synthetic_people.person import Pose
from synthetic_people.renderer import Renderer
from synthetic_people.scene import Camera, Lighting
from synthetic_people.strong import ALL
from synthetic_people.surface import Surface
from vid2vid.data import valid
from vid2vid.data.glb import Glb

# -- files


def file_of(tree: dict, arrays: list[np.ndarray]) -> bytes:
    """A binary glTF with a buffer view and an accessor for each array."""
    kinds = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4", 16: "MAT4"}
    types = {np.dtype("f4"): 5126, np.dtype("u2"): 5123, np.dtype("u1"): 5121}
    binary, views, accessors = b"", [], []
    for a in arrays:
        a2 = a.reshape(len(a), -1)
        views.append({"buffer": 0, "byteOffset": len(binary), "byteLength": a2.nbytes})
        accessors.append({"bufferView": len(views) - 1, "componentType": types[a.dtype], "count": len(a), "type": kinds[a2.shape[1]]})
        binary += a2.tobytes() + b"\0" * (-a2.nbytes % 4)
    text = json.dumps(tree | {"bufferViews": views, "accessors": accessors}).encode()
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<II", len(text), 0x4E4F534A) + text + struct.pack("<II", len(binary), 0x004E4942) + binary
    return b"glTF" + struct.pack("<II", 2, 12 + len(chunks)) + chunks


def small_file() -> bytes:
    """A triangle that hangs half on a joint one metre up, in a mesh that is a tenth as large as it says."""
    f4 = lambda *rows: np.array(rows, np.float32)  # noqa: E731
    inverse = np.linalg.inv(np.array([[1, 0, 0, 0], [0, 1, 0, 1], [0, 0, 1, 0], [0, 0, 0, 1]], float))
    bind = np.stack([(inverse @ np.diag([0.1, 0.1, 0.1, 1])).T, np.diag([0.1, 0.1, 0.1, 1])]).astype(np.float32).reshape(2, 16)
    arrays = [
        f4([0, 0, 0], [10, 0, 0], [0, 10, 0]), f4([0, 0], [1, 0], [0, 1]), np.array([0, 1, 2], np.uint16), np.array([[0, 1, 0, 0]] * 3,
        np.uint8),
        f4([1, 0, 0, 0], [0.5, 0.5, 0, 0], [0, 1, 0, 0]), bind, f4([0, 0, 0], [0, 0, 5], [0, 0, 0]),
    ]  # fmt: skip
    mesh = {
        "primitives": [
            {
                "attributes": {"POSITION": 0, "TEXCOORD_0": 1, "JOINTS_0": 3, "WEIGHTS_0": 4},
                "indices": 2,
                "material": 0,
                "targets": [{"POSITION": 6}],
            }
        ],
        "extras": {"targetNames": ["h_expressions.LeyeClose_h"]},
    }
    nodes = [{"name": "Hips", "children": [1]}, {"name": "Head", "translation": [0, 1, 0]}, {"name": "h_head", "mesh": 0, "skin": 0}]
    return file_of(
        {
            "asset": {"version": "2.0"},
            "nodes": nodes,
            "meshes": [mesh],
            "materials": [{}],
            "skins": [{"joints": [1, 0], "inverseBindMatrices": 5}],
        },
        arrays,
    )


def test_a_file_gives_its_mesh_where_the_skin_puts_it_with_morphs_of_the_same_scale():
    glb = Glb(small_file())
    (mesh,) = glb.meshes()
    assert np.allclose(mesh.positions, [[0, 0, 0], [1, 0, 0], [0, 1, 0]])
    assert np.allclose(mesh.morphs["h_expressions.LeyeClose_h"], [[0, 0, 0], [0, 0, 0.5], [0, 0, 0]])
    assert np.allclose(mesh.weights["Head"], [1, 0.5, 0]) and np.allclose(mesh.weights["Hips"], [0, 0.5, 1])
    assert np.allclose(glb.joint_place("Head"), [0, 1, 0])


def test_compressed_buffers_are_unpacked():
    meshopt = pytest.importorskip("meshopt")
    rows = np.random.default_rng(1).normal(size=(50, 3)).astype(np.float32)
    packed = bytes(meshopt.encode_vertex_buffer(rows.view(np.uint8).reshape(50, 12)))
    glb = Glb(file_of({"nodes": []}, [np.frombuffer(packed + b"\0" * (-len(packed) % 4), np.float32)]))
    glb.tree["bufferViews"] = [
        {
            "byteStride": 12,
            "extensions": {
                "EXT_meshopt_compression": {"byteOffset": 0, "byteLength": len(packed), "count": 50, "byteStride": 12, "mode": "ATTRIBUTES"}
            },
        }
    ]
    glb.tree["accessors"] = [{"bufferView": 0, "componentType": 5126, "count": 50, "type": "VEC3"}]
    assert np.array_equal(glb.accessor(0), rows)


def test_another_kind_of_file_is_refused():
    with pytest.raises(ValueError, match="not a binary glTF"):
        Glb(b"\x89PNG" + b"\0" * 40)


def test_a_persons_outfits_are_on_one_side_and_the_held_out_wear_one():
    names = [
        f"avatars/{g}/{g}_{s}_{n}_{outfit}.glb"
        for g, s, n in (("White", "F", 2), ("White", "F", 1), ("Asian", "M", 1))
        for outfit in ("Busi", "Casual", "Medi")
    ]
    people = valid.people_of(names, 2, 1, clips=3, clip_frames=8, long_frames=24)
    assert [p.held_out for p in people].count(True) == 1 and len(people) == 5
    assert all(p.held_out == ("White_F_2" in p.name) for p in people)
    ends = [p.start + p.frames for p in people]
    assert [p.start for p in people] == [0, *ends[:-1]]
    assert {p.sex for p in people} == {"female", "male"} and {p.skin for p in people} == {"light"}


# -- expressions


def test_every_expression_that_people_make_is_known_to_avatars():
    for seed in range(150):
        random = np.random.default_rng(seed)
        for pose in [*reference_poses(random), *talking_clip(random, 8, 25.0), *(Pose(make(random)) for make in ALL)]:
            assert all(0 <= weight <= 1.1 for weight in morphs_of(pose.expression, 0.5).values())


def test_a_wink_shuts_one_eye_and_a_smile_with_an_open_mouth_shows_teeth():
    assert morphs_of({"eyeBlinkLeft": 1.0}, 0) == {"LeyeClose": 1.0}
    calm, laughing = (morphs_of({"mouthSmileRight": 1.0, "jawOpen": jaw}, 0) for jaw in (0.0, 0.5))
    assert calm["RsmileClose"] > 0.8 and calm["RsmileOpen"] == 0
    assert laughing["RsmileOpen"] > 0.8 and laughing["RsmileClose"] == 0
    assert morphs_of({"jawOpen": 1.0}, 1.0)["Shout"] == 1 and morphs_of({"jawOpen": 1.0}, 0.0)["MouthOpen"] == 1


# -- a stand-in


def ball(centre, radius, joint: str, rings=12, morphs=()) -> Part:
    u, v = np.meshgrid(np.linspace(0, 1, rings * 2 + 1), np.linspace(0.001, 0.999, rings + 1))
    angle, polar = 2 * np.pi * u.ravel(), np.pi * v.ravel()
    unit = np.stack([np.sin(polar) * np.sin(angle), np.cos(polar), np.sin(polar) * np.cos(angle)], 1)
    row = rings * 2 + 1
    quads = [(r * row + c, (r + 1) * row + c, (r + 1) * row + c + 1, r * row + c + 1) for r in range(rings) for c in range(rings * 2)]
    triangles = np.array([t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))])
    deltas = {name: np.where(unit[:, 2:] > 0.8, [[0, -0.02, 0]], 0).astype(np.float32) for name in morphs}
    return Part(
        (np.array(centre) + radius * unit).astype(np.float32),
        np.stack([u.ravel(), v.ravel()], 1),
        triangles,
        deltas,
        {joint: np.ones(len(unit), np.float32)},
    )


def stand_in() -> Avatar:
    """A ball for a head, on a larger one for a trunk, with two eyes and a ball of teeth inside."""
    head, trunk = ball((0, 1.6, 0), 0.1, "Head", morphs=["MouthOpen"]), ball((0, 1.35, 0), 0.16, "Spine")
    eyes = [ball((0.03 * s, 1.62, 0.095), 0.014, j, 8) for s, j in ((1, "LeftEye"), (-1, "RightEye"))]
    parts = {"body": joined(head, trunk), "eyes": joined(*eyes), "teeth": ball((0, 1.55, 0.05), 0.02, "Head", 6)}
    joints = {
        "Head": (0, 1.52, 0),
        "Neck": (0, 1.48, 0),
        "LeftArm": (0.15, 1.4, 0),
        "RightArm": (-0.15, 1.4, 0),
        "LeftEye": (0.03, 1.62, 0.095),
        "RightEye": (-0.03, 1.62, 0.095),
    }
    checks = (np.indices((64, 64)).sum(0) // 8 % 2 * 160 + 60).astype(np.uint8)
    texture = np.dstack([checks, checks, np.full_like(checks, 90), np.full_like(checks, 255)])
    return Avatar(Rig("stand-in", parts, {k: np.array(v, float) for k, v in joints.items()}, dict.fromkeys(parts, texture)), 3.4)


def joined(*parts: Part) -> Part:
    counts = np.cumsum([0] + [len(p.positions) for p in parts])

    def fill(name: str, which: str, shape: tuple[int, ...]) -> np.ndarray:
        return np.concatenate([getattr(p, which).get(name, np.zeros((len(p.positions), *shape), np.float32)) for p in parts])

    morphs = {n: fill(n, "morphs", (3,)) for p in parts for n in p.morphs}
    weights = {n: fill(n, "weights", ()) for p in parts for n in p.weights}
    return Part(
        *(np.concatenate([getattr(p, k) for p in parts]) for k in ("positions", "uvs")),
        np.concatenate([p.triangles + c for p, c in zip(parts, counts)]),
        morphs,
        weights,
    )


def test_a_turn_moves_the_head_and_leaves_the_trunk_and_a_morph_moves_what_it_says():
    avatar = stand_in()
    still, turned, open_ = (avatar.deformed(p)["body"] for p in (Pose(), Pose(yaw=30), Pose({"jawOpen": 1.0})))
    high, low = still[:, 1] > EYES_AT[1] - 0.6, still[:, 1] < EYES_AT[1] - 1.3  # the two balls overlap between
    front = still[:, 2] > still[:, 2].max() - 0.1
    assert np.allclose(turned[low], still[low]) and np.abs(turned - still)[high].max() > 0.3
    assert np.allclose(open_[front & high] - still[front & high], [0, -0.02 * SCALE, 0], atol=1e-5)
    assert np.allclose(np.mean(avatar.eye_centres, axis=0), EYES_AT, atol=0.2)


def test_a_look_to_the_left_turns_both_eyes_there_and_nothing_else():
    avatar = stand_in()
    still, looking = (avatar.deformed(p) for p in (Pose(), Pose(gaze_yaw=20)))
    assert np.allclose(still["body"], looking["body"])
    foremost = still["eyes"][:, 2] > still["eyes"][:, 2].max() - 0.01
    assert (looking["eyes"] - still["eyes"])[foremost, 0].min() > 0.02


def test_flow_of_a_drawn_avatar_finds_the_same_texture_in_another_pose():
    avatar, renderer = stand_in(), Renderer(128, 128, 1.0, shadow_size=64)
    surface, camera = Surface(avatar), Camera(target=(0, 6.7, 0.6), distance=7.0, field_of_view=40.0)
    flat = Lighting(key_colour=(0, 0, 0), fill_colour=(0, 0, 0), rim_colour=(0, 0, 0), sky=(0.8,) * 3, ground=(0.8,) * 3)
    shots = []
    for pose in (Pose(), Pose({"jawOpen": 0.5}, yaw=15)):
        image = renderer.render([(avatar, pose)], camera, flat, np.zeros((128, 128, 3), np.uint8))
        shots.append((image.astype(float), surface.view(renderer.posed(avatar), camera, renderer.surface_numbers())))
    flow, seen = surface.flow(shots[1][1], [shots[0][1]], 32)
    rows, columns = np.nonzero((seen[0] > 0) & (shots[1][1].numbers[2::4, 2::4] > 0))
    there = np.clip((np.stack([columns, rows], 1) * 4 + 2 + flow[0, rows, columns] * 128).astype(int), 0, 127)
    here = shots[1][0][rows * 4 + 2, columns * 4 + 2]
    carried, unmoved = (np.abs(here - shots[0][0][y, x]).mean() for x, y in (there.T, (columns * 4 + 2, rows * 4 + 2)))
    assert len(rows) > 100 and carried < 0.5 * unmoved
