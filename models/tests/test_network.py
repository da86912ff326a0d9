"""lite's parts: what geometry promises, what the mattings add up to, that switches switch, that graph and network agree."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="SKIPPED: PyTorch is not installed")

import numpy as np  # noqa: E402

from vid2vid import checkpoint, export, graphs, quantize  # noqa: E402
from vid2vid.config import NetworkConfig, TrainConfig, from_dict, override  # noqa: E402
from vid2vid.networks import topology as t  # noqa: E402
from vid2vid.networks.eyes import EyeBalls, turned  # noqa: E402
from vid2vid.networks.geometry import PriorFlow, Sketch, head_axes, identity_grid, in_heads_axes, to_picture  # noqa: E402
from vid2vid.networks.interior import MouthInterior, cut, place  # noqa: E402
from vid2vid.networks.lite import Lite, Past  # noqa: E402

SIZE = 64


def face(seed: int = 0, people: int = 1) -> torch.Tensor:
    """[people, 478, 3] points spread over an upright oval as a face's are, picture widths; the named rings lie where they should."""
    random = np.random.default_rng(seed)
    angle, radius = random.uniform(0, 2 * np.pi, 478), np.sqrt(random.uniform(0, 1, 478))
    points = np.stack([0.5 + 0.2 * radius * np.cos(angle), 0.5 + 0.25 * radius * np.sin(angle), 0.1 * radius**2], 1)
    ring = np.linspace(0, 2 * np.pi, len(t.FACE_OVAL), endpoint=False)
    points[t.FACE_OVAL] = np.stack([0.5 + 0.2 * np.sin(ring), 0.5 - 0.25 * np.cos(ring), np.full(len(ring), 0.1)], 1)
    columns = np.linspace(0.42, 0.58, len(t.INNER_UPPER_LIP))
    for lip, lift in ((t.INNER_UPPER_LIP, -0.02), (t.INNER_LOWER_LIP, 0.02)):
        points[lip] = np.stack([columns, 0.62 + lift * np.sin(np.linspace(0, np.pi, len(lip))), np.zeros(len(lip))], 1)
    return torch.tensor(np.stack([points] * people), dtype=torch.float32)


def network(**changes) -> Lite:
    torch.manual_seed(3)
    return Lite(NetworkConfig(size=SIZE, **changes)).eval()


def inputs(portraits: int, people: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(4)
    points = torch.stack([face(k, people) for k in range(portraits)], 1)
    coarse = torch.rand(people * portraits, 3, SIZE // 8, SIZE // 8)  # smooth pictures, as photographs mostly are
    pictures = torch.nn.functional.interpolate(coarse, size=(SIZE, SIZE), mode="bicubic").clamp(0, 1)
    return pictures.unflatten(0, (people, portraits)), points + 0.01 * torch.randn(people, portraits, 1, 3)


def nothing(people: int = 1) -> Past:
    return Past(torch.zeros(people, 3, SIZE, SIZE), face(0, people), torch.zeros(people))


def test_prior_flow_carries_an_affine_motion_on_within_and_around_the_face():
    now = to_picture(face())
    turn = torch.tensor([[1.1, 0.15], [-0.1, 0.95]])
    then = now.clone()
    then[..., :2] = now[..., :2] @ turn.T + torch.tensor([0.05, -0.08])
    (flow,), density = PriorFlow(32)(now, [then])
    grid = identity_grid(32)
    expected = (torch.einsum("ij,jyx->iyx", turn, grid) + torch.tensor([0.05, -0.08])[:, None, None]) - grid
    error = (flow[0] - expected).norm(dim=0)
    assert error[density[0, 0] > 0.9].max() < 0.01
    assert error.median() < 0.05


def test_prior_flow_of_an_unmoved_face_is_zero():
    points = to_picture(face())
    flows, _ = PriorFlow(32)(points, [points, points])
    assert all(flow.abs().max() < 1e-4 for flow in flows)


def test_places_in_the_heads_axes_go_with_the_head():
    points = face()
    turn = torch.tensor([[0.866, -0.5], [0.5, 0.866]])
    moved = points.clone()
    moved[..., :2] = (points[..., :2] - 0.5) @ turn.T * 0.7 + torch.tensor([0.55, 0.4])
    some = [1, 10, 152, 234, 454]
    still, then = (in_heads_axes(head_axes(to_picture(p)), to_picture(p)[:, some, :2].transpose(1, 2)[..., None]) for p in (points, moved))
    assert torch.allclose(still, then, atol=0.05 * float(still.abs().max()))
    assert still.std() > 0.1


def test_the_body_moves_as_w_says_and_only_where_it_says():
    net = network()
    now, then = to_picture(face()), to_picture(face())
    picture = torch.rand(1, 3, SIZE, SIZE)
    with torch.no_grad():
        net.flow_out.weight.zero_(), net.flow_out.bias.zero_()
        net.flow_pose_out.weight.zero_()
        net.flow_pose_out.bias[-12] = 0.3  # the body moved to the right since the portrait
        net.flow_out.bias[4] = 20
        net.flow_out.bias[5] = -20
        moves, _ = net.flows(now, net.embed(face())[1], (picture, then, picture), Past(picture, face(), torch.ones(1)))
    assert torch.allclose(moves["flow"][:, 0], torch.full_like(moves["flow"][:, 0], 0.3), atol=1e-3)
    assert moves["flow"][:, 1].abs().max() < 1e-3 and moves["flow_previous"].abs().max() < 1e-3


def test_a_shut_mouth_has_no_inside():
    sketch = Sketch(64)
    opened, shut = face(), face()
    shut[:, t.INNER_LOWER_LIP] = shut[:, t.INNER_UPPER_LIP]
    assert sketch(to_picture(opened))[0, 2].max() > 0.5
    assert sketch(to_picture(shut))[0, 2].max() < 0.01
    assert sketch(to_picture(opened)).min() >= 0 and sketch(to_picture(opened)).max() <= 1


def opened(gap: float, scale: float = 1.0) -> torch.Tensor:
    """[1, 478, 3] a face whose lips stand so far apart, picture widths; `scale` about the picture's middle."""
    points = face()
    bow = torch.sin(torch.linspace(0, np.pi, len(t.INNER_UPPER_LIP)))
    for lip, lift in ((t.INNER_UPPER_LIP, -gap / 2), (t.INNER_LOWER_LIP, gap / 2)):
        points[:, lip, 1] = 0.62 + lift * bow
    points[..., :2] = 0.5 + (points[..., :2] - 0.5) * scale
    return points


@pytest.mark.parametrize("gap", [0.03, 0.1, 0.25])
def test_the_inside_of_a_mouth_is_one_region_however_wide_it_opens(gap):
    region = Sketch(128)(to_picture(opened(gap)))[0, 2]
    middle = region[:, 64][region[:, 64] > 0.5]
    assert len(middle) == pytest.approx(gap * 128, abs=1.5), "the region is as high as the opening"
    rows, columns = torch.meshgrid(torch.arange(128), torch.arange(128), indexing="ij")
    x, y = (columns + 0.5) / 128, (rows + 0.5) / 128
    rim = gap / 2 * torch.sin(np.pi * ((x - 0.42) / 0.16).clamp(0, 1))
    deep = (y - 0.62).abs() < rim - 1.5 / 128  # chords lie inside of the arc
    assert region[deep].min() > 0.95, "no dots, no gaps"
    assert region[(y - 0.62).abs() > rim + 2 / 128].max() < 0.05


def test_the_map_of_a_larger_face_is_the_larger_map():
    small, large = (Sketch(128)(to_picture(opened(0.1, scale)))[0] for scale in (1.0, 1.8))
    for channel in (2, 3):
        wanted = torch.nn.functional.interpolate(small[None, channel : channel + 1], scale_factor=1.8, mode="bilinear")[0, 0]
        edge = (wanted.shape[0] - 128) // 2
        assert (wanted[edge : edge + 128, edge : edge + 128] - large[channel]).abs().mean() < 0.004
    contour = large[0][large[0] > 0.02]
    assert contour.median() > 0.3, "a line stays a line where its points part"


def test_a_tilted_mouth_keeps_its_inside():
    points = opened(0.1)
    turn = torch.tensor([[0.866, -0.5], [0.5, 0.866]])
    tilted = points.clone()
    tilted[..., :2] = (points[..., :2] - 0.5) @ turn.T + 0.5
    upright, leaning = (Sketch(128)(to_picture(p))[0, 2].sum() for p in (points, tilted))
    assert leaning == pytest.approx(float(upright), rel=0.06)


def test_lips_that_part_leave_the_others_side_alone():
    now = opened(0.12)
    inner = {*t.INNER_UPPER_LIP, *t.INNER_LOWER_LIP}
    now[..., 1] = torch.where((now[..., 0] - 0.5).abs().lt(0.12) & now[..., 1].gt(0.5), 0.3, now[..., 1])  # nobody else lies there
    for side, line in ((t.UPPER_SIDE, 0.54), (t.LOWER_SIDE, 0.7)):
        now[:, [n for n in side if n not in inner], :2] = torch.tensor([0.5, line])
    now[:, t.INNER_UPPER_LIP], now[:, t.INNER_LOWER_LIP] = opened(0.12)[:, t.INNER_UPPER_LIP], opened(0.12)[:, t.INNER_LOWER_LIP]
    then = now.clone()
    then[:, t.LOWER_SIDE, 1] -= 0.1  # the jaw alone moved
    (flow,), _ = PriorFlow(64)(to_picture(now), [to_picture(then)])
    above, below = (flow[0, 1, int(a * 64) : int(b * 64), 32] for a, b in ((0.56, 0.61), (0.66, 0.69)))
    assert above.abs().max() < 0.02, "nothing drags the upper lip along"
    assert (below + 0.2).abs().max() < 0.02, "the lower lip moves as one"


def test_a_shut_portrait_is_no_source_between_open_lips_and_an_open_one_gives_its_own_teeth():
    net, wide = network(), opened(0.12)
    pictures = torch.full((1, 1, 3, SIZE, SIZE), 0.5)
    for portrait, expected in ((opened(0.0), False), (opened(0.1), True)):
        shown = pictures.clone()
        shown[..., round(0.6 * SIZE) : round(0.64 * SIZE), round(0.46 * SIZE) : round(0.54 * SIZE)] = 0.9
        with torch.no_grad():
            made = net(net.enrol(shown, portrait[:, None], pictures[:, 0]), wide, nothing(), torch.zeros(1, dtype=torch.long))
        y, x = round(0.61 * SIZE), SIZE // 2
        assert (made["masks"][0, 0, y, x] > 0.5) == expected
        assert (made["warped"][0, :, y, x].min() > 0.8) == expected


def test_of_several_portraits_the_one_that_shows_teeth_lends_them():
    interior = MouthInterior(128)
    points = torch.cat([opened(0.0), opened(0.1), opened(0.12)])
    pictures = torch.full((3, 3, 128, 128), 0.5)
    pictures[2, :, 70:90] = 0.05  # an open mouth, but dark
    pictures[1, :, 74:84] = 0.9
    lender = interior.lender(pictures, to_picture(points))
    lent = cut(pictures[lender], interior.opening.knots(to_picture(points)[lender]))
    assert lender.tolist() == [1] and lent[0, 3].max() == 1 and lent[0, :3].max() == pytest.approx(0.9)
    assert cut(pictures[:1], interior.opening.knots(to_picture(points[:1]))).abs().max() == 0


def test_a_window_is_put_where_it_belongs():
    window = torch.rand(2, 2, 8, 8)
    corner = torch.tensor([[3, 5], [0, 24]])
    whole = place(window, corner, 32)
    for n, (x, y) in enumerate(corner.tolist()):
        assert torch.equal(whole[n, :, y : y + 8, x : x + 8], window[n])
        assert whole[n].sum() == pytest.approx(float(window[n].sum()), rel=1e-5)
    assert torch.equal(place(window[:1], corner[:1], 32), whole[:1])


def test_an_eye_ball_turns_to_where_the_iris_is_and_nothing_else_does():
    now, then = opened(0.0), opened(0.0)
    for side, (upper, lower, iris) in enumerate(zip(t.UPPER_LIDS, t.LOWER_LIDS, t.IRISES)):
        middle = 0.4 + 0.2 * side
        for points, aside in ((now, 0.01), (then, 0.0)):
            bow = 0.015 * torch.sin(torch.linspace(0, np.pi, len(upper)))
            for lid, sign in ((upper, -1), (lower, 1)):
                points[0, lid, 0], points[0, lid, 1] = torch.linspace(middle - 0.04, middle + 0.04, len(lid)), 0.4 + sign * bow
            points[0, iris, :2] = torch.tensor([[0, 0], [0.012, 0], [0, -0.012], [-0.012, 0], [0, 0.012]]) + torch.tensor(
                [middle + aside, 0.4]
            )
    added = turned(*EyeBalls()(to_picture(now), to_picture(then), torch.zeros(1, 2, 64, 64)), 256)
    row = round(0.4 * 256)
    assert added[0, 0, row, round(0.41 * 256)] == pytest.approx(-0.02, abs=1e-3)
    assert added[0, 0, row - 8].abs().max() == 0 and added[0, :, :, 128].abs().max() == 0


@pytest.mark.parametrize("portraits", [1, 3, 8])
def test_any_number_of_portraits(portraits):
    net = network()
    pictures, points = inputs(portraits)
    with torch.no_grad():
        made = net(net.enrol(pictures, points, pictures[:, 0]), face(9), nothing(), torch.zeros(1, dtype=torch.long))
    assert made["frame"].shape == (1, 3, SIZE, SIZE)
    assert torch.allclose(made["masks"].sum(1), torch.ones(1, SIZE, SIZE), atol=1e-5)
    assert torch.allclose(made["share"].sum(1), torch.ones(1), atol=1e-5)
    assert made["masks"][:, 2].max() < 1e-6, "without a frame before nothing may come from it"


def test_the_order_of_portraits_does_not_matter():
    net = network()
    pictures, points = inputs(3)
    order = torch.tensor([2, 0, 1])
    with torch.no_grad():
        first = net(net.enrol(pictures, points, pictures[:, 0]), face(9), nothing(), torch.tensor([2]))["frame"]
        second = net(net.enrol(pictures[:, order], points[:, order], pictures[:, 0]), face(9), nothing(), torch.tensor([0]))["frame"]
    assert torch.allclose(first, second, atol=1e-4)


def test_generated_weights_are_the_persons_own_and_adain_makes_only_biases():
    pictures, points = inputs(1, people=2)
    net, plain = network(), network(modulation="adain")
    with torch.no_grad():
        own, same = net.enrol(pictures, points, pictures[:, 0]).weights, plain.enrol(pictures, points, pictures[:, 0]).weights
    for weights, differ in ((own, True), (same, False)):
        level = net.generator.split(weights[:, 0])[0]
        assert torch.equal(level[0, :, :-1], level[1, :, :-1]) != differ
        assert not torch.equal(level[0, :, -1], level[1, :, -1])


@pytest.mark.parametrize("part", ["previous", "reference", "prior", "residual"])
def test_each_part_can_be_left_out(part):
    pictures, points = inputs(2)
    past = Past(torch.rand(1, 3, SIZE, SIZE), face(1) + 0.02, torch.ones(1))
    frames = []
    for net in (network(), network(**{part: False})):
        with torch.no_grad():
            made = net(net.enrol(pictures, points, pictures[:, 0]), face(9), past, torch.zeros(1, dtype=torch.long))
        frames.append(made)
    assert not torch.allclose(frames[0]["frame"], frames[1]["frame"], atol=1e-5)
    source = {"previous": 2, "reference": 0}.get(part)
    if source is not None:
        assert frames[1]["masks"][:, source].max() < 1e-6


def test_settings_by_name():
    config = override(TrainConfig(), ["network.prior=false", "data.sources.grid=0.5", "batch=3", "network.modulation=adain"])
    assert (config.network.prior, config.data.sources["grid"], config.batch, config.network.modulation) == (False, 0.5, 3, "adain")
    with pytest.raises(ValueError, match="no setting"):
        override(TrainConfig(), ["network.priors=false"])
    with pytest.raises(ValueError, match="Unknown settings"):
        from_dict(TrainConfig, {"bach": 3})


def test_settings_take_the_kind_of_their_default():
    config = override(
        TrainConfig(),
        ["network.prior=False", "bfloat16=true", "steps=1e3", "loss.flow=2", "data.portraits=[2,3]", 'data.sources={"own":1}'],
    )
    assert config.network.prior is False and config.bfloat16 is True
    assert (config.steps, config.loss.flow, config.data.portraits, config.data.sources) == (1000, 2.0, (2, 3), {"own": 1.0})
    assert isinstance(config.steps, int) and isinstance(config.loss.flow, float)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bfloat16=no", "bfloat16 takes true or false"),
        ("network.prior=0", "network.prior takes true or false"),
        ("data.frames=abc", "data.frames takes a whole number"),
        ("data.frames=true", "data.frames takes a whole number"),
        ("steps=1.5", "steps takes a whole number"),
        ("learning_rate=fast", "learning_rate takes a number"),
        ("learning_rate=NaN", "learning_rate takes a number"),
        ("data.portraits=4", "data.portraits takes a list of 2"),
        ("data.portraits=[1,2,3]", "data.portraits takes a list of 2"),
        ("data.portraits=[1,x]", "data.portraits takes a list of 2"),
        ("data.portraits=[1,null]", "data.portraits takes a whole number"),
        ("data.sources=own", "data.sources takes names"),
        ("data.sources.own=much", "data.sources.own takes a number"),
        ("network.modulation=1", "network.modulation takes a word"),
        ("data=3", "data takes settings"),
        ("bfloat16", "no value"),
    ],
)
def test_a_setting_of_another_kind_is_refused_by_its_name(text, expected):
    with pytest.raises(ValueError, match=expected):
        override(TrainConfig(), [text])


def test_checkpoints_explain_themselves(tmp_path):
    net = network()
    config = TrainConfig(network=NetworkConfig(size=SIZE))
    state = {"step": 7, "trained_s": 1.5, "network": net.state_dict(), "average": net.state_dict()}
    checkpoint.save(tmp_path / "a.pt", config, state)
    back, read = checkpoint.read(tmp_path / "a.pt")
    assert back == config and read["step"] == 7
    pictures, points = inputs(2)
    model = checkpoint.load_model(tmp_path / "a.pt")
    now = face(9)
    none = Past(torch.zeros(1, 3, SIZE, SIZE), now, torch.zeros(1))
    with torch.no_grad():
        made = model.frame(model.enrol(pictures, points, pictures[:, 0]), now, reference_index=torch.ones(1, dtype=torch.long))["frame"]
        expected = net(net.enrol(pictures, points, pictures[:, 0]), now, none, torch.ones(1, dtype=torch.long))["frame"]
    assert torch.equal(made, expected)


def case(net: Lite, portraits: int = 2) -> tuple[graphs.Enrolled, tuple]:
    """A person, and landmarks, frame before and index of the portrait for one frame."""
    pictures, points = inputs(portraits)
    pictures = pictures.repeat_interleave(net.scale, 3).repeat_interleave(net.scale, 4)
    person = net.enrol(pictures, points, pictures[:, 0])
    torch.manual_seed(5)
    before = torch.nn.functional.interpolate(torch.rand(1, 3, SIZE // 8, SIZE // 8), size=(net.output, net.output), mode="bicubic").clamp(
        0, 1
    )
    return graphs.Enrolled.by_network(net, person), (face(9), Past(before, face(1), torch.ones(1)), torch.ones(1, dtype=torch.long))


def session(path):
    return pytest.importorskip("onnxruntime").InferenceSession(str(path), providers=["CPUExecutionProvider"])


def write_all(net: Lite, folder) -> graphs.Runner:
    """The three graphs of a network, traced with two portraits, and those of a frame to run."""
    pictures, points = inputs(2)
    as_bytes = (pictures[0].permute(0, 2, 3, 1) * 255).round().byte().numpy()
    given = export.Example(as_bytes, points[0], torch.cat([face(n) for n in range(3)]), as_bytes[0])
    with torch.no_grad():
        export.write_graphs(net, folder, given)
    return graphs.run_graphs(session(folder / "motion.onnx"), session(folder / "picture.onnx"))


@pytest.mark.parametrize("scale", [1, 2, 3])
def test_the_graphs_with_the_composition_between_them_are_the_network_at_any_size_of_output(tmp_path, scale):
    net = network()
    run = write_all(net, tmp_path)
    large = Lite(NetworkConfig(size=SIZE), scale).eval()
    large.load_state_dict(net.state_dict())
    with torch.no_grad():
        person, how = case(large, 5)  # another number of portraits than at export
        pictures, points = inputs(5)
        whole = large.enrol(pictures.repeat_interleave(scale, 3).repeat_interleave(scale, 4), points, person.plate)
        expected = large(whole, *how)["frame"]
        made = graphs.make_frame(large.composition, person, *how, run).made["frame"]
        torn = graphs.make_frame(large.composition, person, *how, graphs.run_network(large)).made["frame"]
    assert made.shape == (1, 3, SIZE * scale, SIZE * scale)
    assert torch.equal(torn, expected), "the seams lose nothing"
    assert (made - expected).abs().max() < 1e-3


def test_the_graphs_of_a_frame_have_no_open_axes_but_the_portraits(tmp_path):
    write_all(network(), tmp_path)
    for name in ("motion", "picture"):
        for value in session(tmp_path / f"{name}.onnx").get_outputs():
            assert all(isinstance(side, int) for side in value.shape), f"the server makes room for {value.name} beforehand"


def test_the_enrolment_graph_keeps_what_the_network_does(tmp_path):
    net = network()
    write_all(net, tmp_path)
    pictures, points = inputs(3)
    with torch.no_grad():
        expected = graphs.Enrolled.by_network(net, net.enrol(pictures, points, pictures[:, 0]))
    found = graphs.Enrolled.by_graph(session(tmp_path / "enrolment.onnx"), pictures[0], points[0], pictures[:, 0], 1)
    assert set(found.cached) == set(expected.cached)
    for name, value in expected.cached.items():
        assert (found.cached[name] - value).abs().max() < 1e-3, name
    assert (found.interior - expected.interior).abs().max() < 1e-3


def test_a_picture_twice_as_large_has_the_portraits_own_detail():
    small = network()
    large = Lite(NetworkConfig(size=SIZE), 2).eval()
    large.load_state_dict(small.state_dict())
    fine = (torch.rand(1, 2, 3, 2 * SIZE, 2 * SIZE) > 0.5).float()
    _, points = inputs(2)
    plate = torch.nn.functional.avg_pool2d(fine[:, 0], 4).repeat_interleave(4, 2).repeat_interleave(4, 3)
    coarse, now = torch.nn.functional.avg_pool2d(fine[0], 2)[None], points[:, 0]
    index = torch.zeros(1, dtype=torch.long)
    with torch.no_grad():
        made = large(large.enrol(fine, points, plate), now, Past.none(now, 2 * SIZE), index)
        base = small(small.enrol(coarse, points, torch.nn.functional.avg_pool2d(plate, 2)), now, Past.none(now, SIZE), index)
    assert made["frame"].shape[-1] == 2 * SIZE
    assert torch.allclose(made["flow"], base["flow"], atol=1e-4)
    assert made["frame"].var() > 1.5 * base["frame"].var(), "detail that the small picture cannot have"


def test_the_shipped_weights_are_this_networks_and_the_int8_graphs_keep_w_and_the_finest_level_in_float():
    onnx = pytest.importorskip("onnx")
    checkpoint.load_model(export.MODELS / "lite/weights-256.pt")
    nodes = [node for kind in export.FRAME_GRAPHS for node in onnx.load(str(export.MODELS / f"lite/{kind}-int8.onnx")).graph.node]
    convs = {n.name: n for n in nodes if n.op_type == "Conv"}
    kept = [n for name, n in convs.items() if any(part in name for part in quantize.KEPT)]
    assert len(kept) == 12 and not any("DequantizeLinear" in n.input[1] for n in kept)
    assert sum("DequantizeLinear" in n.input[1] for n in convs.values()) == 13


def test_the_int8_graphs_make_nearly_the_same_picture(tmp_path):
    onnx = pytest.importorskip("onnx")
    net = network()
    write_all(net, tmp_path)
    with torch.no_grad():
        person, how = case(net)
        step = graphs.make_frame(net.composition, person, *how, graphs.run_network(net))
    before = {f.name for f in tmp_path.iterdir()}
    for kind in export.FRAME_GRAPHS:
        calls = [{name: value.numpy() for name, value in getattr(step, kind).items()}]
        quantize.quantize_graph(tmp_path / f"{kind}.onnx", iter(calls), tmp_path / f"{kind}-int8.onnx")
    assert {f.name for f in tmp_path.iterdir()} - before == {"motion-int8.onnx", "picture-int8.onnx"}, "nothing is left lying about"
    nodes = [node for kind in export.FRAME_GRAPHS for node in onnx.load(str(tmp_path / f"{kind}-int8.onnx")).graph.node]
    kept = {n.name for n in nodes if n.op_type == "Conv" and "DequantizeLinear" not in n.input[1]}
    assert {"/flow_out/Conv", "/out/Conv"} <= kept and "/at_8/Conv" not in kept
    small = graphs.run_graphs(session(tmp_path / "motion-int8.onnx"), session(tmp_path / "picture-int8.onnx"))
    error = (graphs.make_frame(net.composition, person, *how, small).made["frame"] - step.made["frame"]).square().mean()
    assert 35 < -10 * float(error.log10()) < 90
    only_sum = onnx.helper.make_model(
        onnx.helper.make_graph(
            [onnx.helper.make_node("Abs", ["a"], ["frame"])],
            "g",
            *([onnx.helper.make_tensor_value_info(n, 1, [1])] for n in ("a", "frame")),
        )
    )
    onnx.save(only_sum, str(tmp_path / "none.onnx"))
    with pytest.raises(ValueError, match="no convolutions"):
        quantize.quantize_graph(tmp_path / "none.onnx", iter([]), tmp_path / "none-small.onnx")


def test_weights_of_another_shape_are_refused_unless_they_may_begin_anew():
    net = network()
    weights = dict(net.state_dict())
    assert checkpoint.fill(network(), weights) == []
    weights["flow_in.weight"] = weights["flow_in.weight"][:, :-2]
    del weights["flow_wide.bias"]
    with pytest.raises(ValueError, match=r"another network's: flow_in\.weight, flow_wide\.bias"):
        checkpoint.fill(network(), weights)
    other = network()
    with torch.no_grad():
        other.to_8.bias += 1
    assert checkpoint.fill(other, weights, anew=True) == ["flow_in.weight", "flow_wide.bias"]
    assert torch.equal(other.to_8.bias, net.to_8.bias)


def test_without_its_residual_w_adds_nothing_to_the_prior():
    net = network(residual=False)
    with torch.no_grad():
        net.flow_out.bias[4:] = 3
        moves, _ = net.flows(
            to_picture(face(1)),
            net.embed(face(1))[1],
            (torch.rand(1, 3, SIZE, SIZE), to_picture(face(2)), torch.rand(1, 3, SIZE, SIZE)),
            nothing(),
        )
    assert torch.equal(moves["flow"], moves["prior"])
