"""Which of the 478 landmarks is what. "Left" is the picture's left."""

import numpy as np

INNER_UPPER_LIP = [78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308]
INNER_LOWER_LIP = [78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308]
OUTER_LIPS = [61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146]
UPPER_LIDS = ([33, 246, 161, 160, 159, 158, 157, 173, 133], [362, 398, 384, 385, 386, 387, 388, 466, 263])
LOWER_LIDS = ([33, 7, 163, 144, 145, 153, 154, 155, 133], [362, 382, 381, 380, 374, 373, 390, 249, 263])
IRISES = ([468, 469, 470, 471, 472], [473, 474, 475, 476, 477])  # centre, then four points of the rim
FACE_OVAL = [
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150, 136, 172, 58, 132,
    93, 234, 127, 162, 21, 54, 103, 67, 109,
]  # fmt: skip
BROWS = [[70, 63, 105, 66, 107], [46, 53, 52, 65, 55], [300, 293, 334, 296, 336], [276, 283, 282, 295, 285]]
NOSE = [[168, 6, 197, 195, 5, 4], [98, 97, 2, 326, 327]]
# Points that go with one lip alone: its rings without the corners, and the skin next to it.
UPPER_SIDE = [
    185, 40, 39, 37, 0, 267, 269, 270, 409, 184, 74, 73, 72, 11, 302, 303, 304, 408, 183, 42, 41, 38, 12, 268, 271, 272, 407,
    191, 80, 81, 82, 13, 312, 311, 310, 415, 164, 167, 165, 92, 186, 393, 391, 322, 410,
]  # fmt: skip
LOWER_SIDE = [
    146, 91, 181, 84, 17, 314, 405, 321, 375, 77, 90, 180, 85, 16, 315, 404, 320, 307, 96, 89, 179, 86, 15, 316, 403, 319, 325,
    95, 88, 178, 87, 14, 317, 402, 318, 324, 43, 106, 182, 83, 18, 313, 406, 335, 273, 204, 194, 201, 200, 421, 418, 424,
]  # fmt: skip
# What the upper teeth are fixed to, as far as skin tells it; where the nose meets the lip; the chin, which goes with the lower teeth.
SKULL = [2, 98, 327, 97, 326, 94, 19, 1, 168, 6, 197, 195, 5, 4, 33, 133, 362, 263, 129, 358, 205, 425, 50, 280]
UPPER_ROOT, LOWER_ROOT = [2, 164], [18, 200, 199]
CHEEKS = [50, 280, 205, 425]
WIDTH, HEIGHT = (234, 454), (10, 152)  # ends of the face's extents


def closed(ring: list[int]) -> list[int]:
    return [*ring, ring[0]]


def along(lines: list[list[int]], per_segment: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Evenly spaced points on polylines: first landmark, second landmark, share of the second, share between neighbours; [P] each."""
    a, b, t = [], [], []
    for line in lines:
        for start, end in zip(line, line[1:]):
            for i in range(per_segment):
                a.append(start), b.append(end), t.append((i + 0.5) / per_segment)
    return np.array(a), np.array(b), np.array(t, np.float32), np.full(len(a), 1 / per_segment, np.float32)
