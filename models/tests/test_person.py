import numpy as np
import pytest

from synthetic_people.animation import LOWER_LIP, UPPER_LIP, blinks, key_frames, mouth_opening
from synthetic_people.assets import BODY_VERTICES
from synthetic_people.person import Person, PersonSpec, Pose, apply_targets, macro_weights
from synthetic_people.variety import face_axes, random_face


@pytest.fixture(scope="module")
def person(assets) -> Person:
    return Person(assets, PersonSpec())


def test_a_target_moves_exactly_its_vertices_by_its_weight(assets):
    base = assets.base.positions
    index, delta = assets.target("nose/nose-hump-incr")
    moved = apply_targets(assets, base, {"nose/nose-hump-incr": 0.5})
    assert np.allclose(moved[index] - base[index], 0.5 * delta, atol=1e-6)
    others = np.setdiff1d(np.arange(len(base)), index)
    assert np.array_equal(moved[others], base[others])


@pytest.mark.parametrize("spec", [PersonSpec(), PersonSpec(sex="male", age=40, weight=0.5, muscle=-0.3), PersonSpec(age=14)])
def test_macro_weights_are_two_mixtures_that_sum_to_one(spec):
    weights = macro_weights(spec)
    race = sum(w for name, w in weights.items() if "universal" not in name)
    assert race == pytest.approx(1)
    assert sum(weights.values()) - race == pytest.approx(1)


def test_macro_targets_exist(assets):
    for spec in (PersonSpec(age=15, weight=-0.4), PersonSpec(sex="male", age=70, muscle=0.4, ancestry={"african": 0.5, "asian": 0.5})):
        assert set(macro_weights(spec)) <= set(assets.target_names)


def test_every_part_has_a_fit_for_each_of_its_vertices(assets):
    names = [n for kind in ("hair", "eyebrows", "eyelashes", "eyes", "teeth", "tongue", "clothes") for n in assets.names(kind)]
    assert len(names) > 40
    for name in names:
        part = assets.part(name)
        assert len(part.fit.vertices) == len(part.mesh.positions), name


def test_lower_teeth_and_tongue_follow_the_jaw_and_upper_teeth_stay(person):
    still, open_ = person.deformed(Pose()), person.deformed(Pose({"jawOpen": 1.0}))
    drop = still["teeth"][:, 1] - open_["teeth"][:, 1]
    chin = np.argmin(
        np.where(still["body"][:, 2] > 1.2, np.abs(still["body"][:, 0]) + np.abs(still["body"][:, 1] - person._joint("jaw")[1]), 9)
    )
    jaw_drop = still["body"][chin, 1] - open_["body"][chin, 1]
    assert (np.abs(drop) < 0.01).mean() > 0.3  # the upper half
    assert (drop > 0.1).mean() > 0.3  # the lower half
    assert drop.max() < 1.6 * jaw_drop
    assert (still["tongue"][:, 1] - open_["tongue"][:, 1]).mean() > 0.1


def test_teeth_keep_their_shape_when_the_jaw_opens(person):
    still, open_ = person.deformed(Pose())["teeth"], person.deformed(Pose({"jawOpen": 1.0}))["teeth"]
    upper = np.abs(still[:, 1] - open_[:, 1]) < 0.01
    assert np.abs(still[upper] - open_[upper]).max() < 0.02


def test_the_eyes_turn_as_balls_and_only_with_the_gaze(person):
    still, aside = person.deformed(Pose())["eyes"], person.deformed(Pose(gaze_yaw=20))["eyes"]
    left = still[:, 0] > 0
    centre = person.eye_centres[0]
    radius = np.linalg.norm(still[left] - centre, axis=1)
    assert np.allclose(np.linalg.norm(aside[left] - centre, axis=1), radius, atol=1e-4)
    front = np.argmax(still[left][:, 2])
    assert aside[left][front, 0] > still[left][front, 0] + 0.02
    lids = person.deformed(Pose({"eyeLookInLeft": 1.0}))
    assert np.allclose(lids["eyes"], still, atol=1e-3)


def test_the_head_turns_and_the_trunk_does_not(person):
    still, turned = person.deformed(Pose()), person.deformed(Pose(yaw=25))
    nose = np.argmax(np.where(np.abs(still["body"][:, 0]) < 0.05, still["body"][:, 2] * (still["body"][:, 1] > 6.5), 0))
    assert turned["body"][nose, 0] > 0.4
    shoulders = still["body"][:, 1] < person._joint("neck")[1] - 0.6
    assert np.array_equal(turned["body"][shoulders], still["body"][shoulders])
    between = np.linalg.norm(turned["hair"][:-1] - turned["hair"][1:], axis=1) / np.maximum(
        np.linalg.norm(still["hair"][:-1] - still["hair"][1:], axis=1), 1e-3
    )
    assert np.median(np.abs(between - 1)) < 0.02  # hair turns rigidly


def test_a_closed_lid_meets_the_lower_one_and_the_other_eye_stays_open(person):
    def aperture(side: str, expression: dict) -> float:
        base, groups = person.expressed(expression), person.assets.base.groups
        middle = person.eye_centres[0 if side == "l" else 1][0]
        upper, lower = (base[groups[f"helper-{side}-eyelashes-{n}"]] for n in (2, 1))
        near = [lid[np.abs(lid[:, 0] - middle) < 0.06][:, 1].mean() for lid in (upper, lower)]
        return near[0] - near[1]

    blink = {"eyeBlinkLeft": 1.0}
    assert aperture("l", blink) < 0.25 * aperture("l", {})
    assert aperture("r", blink) == pytest.approx(aperture("r", {}), abs=1e-3)


def test_mouth_opening_is_zero_at_rest_one_at_full_jaw_and_grows(person):
    values = [mouth_opening(person, Pose({"jawOpen": w})) for w in (0, 0.25, 0.5, 0.75, 1.0)]
    assert values[0] == 0 and values[-1] == pytest.approx(1)
    assert values == sorted(values)
    assert UPPER_LIP < BODY_VERTICES and LOWER_LIP < BODY_VERTICES


def test_body_under_the_clothes_is_not_drawn(assets):
    dressed, bare = Person(assets, PersonSpec()), Person(assets, PersonSpec(clothes=None))
    assert len(dressed.layers["body"].triangles) < len(bare.layers["body"].triangles)


def test_random_faces_differ_by_seed_and_repeat_with_it(assets):
    assert random_face(assets, 1) == random_face(assets, 1) != random_face(assets, 2)
    assert set(random_face(assets, 3)) <= set(assets.target_names)
    assert len(face_axes(assets)) > 80


def test_key_frames_pass_through_their_keys_and_blinks_close_fully():
    times = np.arange(0, 3, 1 / 30)
    curve = key_frames(times, [(0.5, 0), (1.0, 7), (2.0, -3)])
    assert curve[0] == 0 and curve[30] == pytest.approx(7) and curve[-1] == pytest.approx(-3)
    closed = blinks(times, [1.0])
    assert closed.max() > 0.95 and closed[0] == closed[-1] == 0
