"""Binary glTF files with EXT_meshopt_compression, as far as avatars need it: meshes with morphs, skins, textures. Needs the package
`meshopt`."""

from __future__ import annotations

import io
import json
import struct
from dataclasses import dataclass

import numpy as np

COMPONENTS = {5120: "i1", 5121: "u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
MAGIC, JSON_CHUNK = b"glTF", 0x4E4F534A


@dataclass
class Mesh:
    """One primitive in the scene's axes; `morphs` and `weights` move with it."""

    name: str
    positions: np.ndarray  # [V, 3]
    uvs: np.ndarray  # [V, 2] from the top left
    triangles: np.ndarray  # [F, 3]
    morphs: dict[str, np.ndarray]  # name -> [V, 3]
    weights: dict[str, np.ndarray]  # joint -> [V], of those that move any of it
    texture: int | None  # number of the image


class Glb:
    """@raises ValueError for a file of another kind."""

    def __init__(self, data: bytes):
        if data[:4] != MAGIC or struct.unpack("<I", data[16:20])[0] != JSON_CHUNK:
            raise ValueError("not a binary glTF file")
        length = struct.unpack("<I", data[12:16])[0]
        self.tree = json.loads(data[20 : 20 + length])
        self._binary = data[28 + length :]
        self._views: dict[int, bytes] = {}
        self.world = self._world_matrices()

    def view(self, number: int) -> bytes:
        if number not in self._views:
            view = self.tree["bufferViews"][number]
            packed = view.get("extensions", {}).get("EXT_meshopt_compression")
            start = (packed or view).get("byteOffset", 0)
            data = self._binary[start : start + (packed or view)["byteLength"]]
            if packed:
                import meshopt

                plain = meshopt.decode_gltf_buffer(
                    data, packed["count"], packed["byteStride"], packed["mode"], packed.get("filter", "NONE")
                )
                data = np.ascontiguousarray(plain).tobytes()
            self._views[number] = data
        return self._views[number]

    def accessor(self, number: int) -> np.ndarray:
        """[count, width] or [count]; normalised integers as floats."""
        a = self.tree["accessors"][number]
        kind, width = np.dtype(COMPONENTS[a["componentType"]]), WIDTHS[a["type"]]
        if "bufferView" not in a:
            return np.zeros((a["count"], width), np.float32)
        stride = self.tree["bufferViews"][a["bufferView"]].get("byteStride", kind.itemsize * width)
        data = self.view(a["bufferView"])
        rows = np.ndarray((a["count"], width), kind, data, a.get("byteOffset", 0), (stride, kind.itemsize))
        if a.get("normalized"):
            rows = np.maximum(rows.astype(np.float32) / np.iinfo(kind).max, -1)
        return rows[:, 0] if width == 1 else rows

    def image(self, number: int) -> np.ndarray:
        """[H, W, 4] uint8."""
        from PIL import Image

        return np.asarray(Image.open(io.BytesIO(self.view(self.tree["images"][number]["bufferView"]))).convert("RGBA"))

    def joint_place(self, name: str) -> np.ndarray:
        """[3] of a node. @raises KeyError"""
        for node, matrix in zip(self.tree["nodes"], self.world):
            if node.get("name") == name:
                return matrix[:3, 3]
        raise KeyError(name)

    def meshes(self) -> list[Mesh]:
        return [
            self._mesh(n, node, p)
            for n, node in enumerate(self.tree["nodes"])
            if "mesh" in node
            for p in self.tree["meshes"][node["mesh"]]["primitives"]
        ]

    def _mesh(self, number: int, node: dict, primitive: dict) -> Mesh:
        attributes, owner = primitive["attributes"], self.tree["meshes"][node["mesh"]]
        own = self.accessor(attributes["POSITION"]).astype(np.float32)
        matrices, weights = self._placing(number, node, attributes, len(own))
        positions = np.einsum("vab,vb->va", matrices[:, :3, :3], own) + matrices[:, :3, 3]
        names = owner.get("extras", {}).get("targetNames", [])
        morphs = {
            n: np.einsum("vab,vb->va", matrices[:, :3, :3], self.accessor(t["POSITION"]).astype(np.float32))
            for n, t in zip(names, primitive.get("targets", []))
        }
        uvs = self.accessor(attributes["TEXCOORD_0"]).astype(np.float32)
        material = self.tree["materials"][primitive["material"]]
        texture = material.get("pbrMetallicRoughness", {}).get("baseColorTexture")
        if texture is not None:
            uvs, texture = self._shifted(uvs, texture), self._image_of(texture["index"])
        triangles = self.accessor(primitive["indices"]).astype(np.int64).reshape(-1, 3)
        return Mesh(node.get("name", owner.get("name", "")), positions, uvs, triangles, morphs, weights, texture)

    @staticmethod
    def _shifted(uvs: np.ndarray, texture: dict) -> np.ndarray:
        move = texture.get("extensions", {}).get("KHR_texture_transform", {})
        return uvs * move.get("scale", [1, 1]) + move.get("offset", [0, 0])

    def _image_of(self, texture: int) -> int:
        entry = self.tree["textures"][texture]
        return entry.get("extensions", {}).get("EXT_texture_webp", entry)["source"]

    def _placing(self, number: int, node: dict, attributes: dict, count: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """[V, 4, 4] from the mesh's own axes to the scene's, and what each joint has in it."""
        if "skin" not in node:
            return np.repeat(self.world[number][None], count, axis=0), {}
        skin = self.tree["skins"][node["skin"]]
        inverse = self.accessor(skin["inverseBindMatrices"]).reshape(-1, 4, 4).transpose(0, 2, 1)
        bones = np.stack([self.world[j] for j in skin["joints"]]) @ inverse
        joints, shares = self.accessor(attributes["JOINTS_0"]).astype(int), self.accessor(attributes["WEIGHTS_0"]).astype(np.float32)
        shares = shares / np.maximum(shares.sum(axis=1, keepdims=True), 1e-6)
        weights: dict[str, np.ndarray] = {}
        for slot, joint in enumerate(skin["joints"]):
            share = np.where(joints == slot, shares, 0).sum(axis=1)
            if share.any():
                weights[self.tree["nodes"][joint]["name"]] = share
        return np.einsum("vk,vkab->vab", shares, bones[joints]), weights

    def _world_matrices(self) -> list[np.ndarray]:
        nodes = self.tree["nodes"]
        parent = {child: n for n, node in enumerate(nodes) for child in node.get("children", [])}
        own = [local_matrix(node) for node in nodes]

        def world(n: int) -> np.ndarray:
            return own[n] if n not in parent else world(parent[n]) @ own[n]

        return [world(n) for n in range(len(nodes))]


def local_matrix(node: dict) -> np.ndarray:
    if "matrix" in node:
        return np.array(node["matrix"], np.float64).reshape(4, 4).T
    x, y, z, w = node.get("rotation", [0, 0, 0, 1])
    out = np.eye(4)
    out[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    out[:3, :3] *= np.array(node.get("scale", [1, 1, 1]))
    out[:3, 3] = node.get("translation", [0, 0, 0])
    return out
