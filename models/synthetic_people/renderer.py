"""Draws people with OpenGL 3.3 (a GPU, or Mesa's llvmpipe on the CPU) through moderngl and EGL, off screen.

First a surface pass (depth, and which triangle lies at each pixel), then the shading of what is left in the picture, then hair's soft rest.
On the CPU one process per core with LP_NUM_THREADS=0 and OPENBLAS_NUM_THREADS=1 is fastest: 33 frames/s each at 256x256, drawn 1.5 times
as fine with a 384 shadow map (30 ms of a core per frame), where threads that wait for each other give a quarter of that.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

import cv2
import moderngl
import numpy as np

from . import shaders
from .geometry import rotation
from .occlusion import DIRECTIONS, mesh_occlusion
from .person import Layer, Person, Pose
from .scene import Camera, Lighting, ortho_towards

OCCLUSION_SIZE = 256
LINING = -1.0  # marks the inside of the mouth in the occlusion attribute
SHADOW_RADIUS = 2.6
SOFT = ("brows", "hair", "lashes", "eyes")  # layers whose texture has holes
SOLID = ("hair", "clothes", "body", "teeth", "tongue", "eyes")  # what hides most comes first
CLOSED = ("body", "teeth", "tongue", "eyes")  # their back is never seen
PLAIN = {"gain": (1.0, 1.0, 1.0), "tint": (0.0, 0.0, 0.0), "tint_amount": 0.0, "saturation": 1.0}  # colour uniforms of a layer
SHADOW_CASTERS = ("body", "hair", "clothes")


@dataclass
class LayerBuffers:
    layer: Layer
    stream: moderngl.Buffer  # [R, 7] position, normal, occlusion: rewritten for every frame
    uvs: moderngl.Buffer
    indices: moderngl.Buffer  # in the layer's order
    sorted_indices: moderngl.Buffer  # back to front
    seen_indices: moderngl.Buffer  # those of the triangles that the surface pass has left in the picture
    drawn_seen: moderngl.VertexArray
    drawn_sorted: moderngl.VertexArray
    numbered: moderngl.VertexArray
    cast: moderngl.VertexArray
    texture: moderngl.Texture
    first_number: int  # of its triangles in the surface pass, which counts a person's triangles through all layers from 1
    occlusion: np.ndarray  # [R]
    uniforms: dict = field(default_factory=dict)
    positions: np.ndarray | None = None  # [V, 3] mesh vertices as last drawn

    def fill(self, positions: np.ndarray, normals: np.ndarray) -> None:
        rows = np.empty((len(self.layer.source), 7), np.float32)
        rows[:, :3], rows[:, 3:6], rows[:, 6] = positions[self.layer.source], normals[self.layer.source], self.occlusion
        self.stream.write(rows)


class Renderer:
    """One size of picture, one context; people are uploaded once and cached until `forget`."""

    def __init__(self, width: int, height: int, supersample: float = 2, shadow_size: int = 1024):
        """`supersample`: edge factor of the drawn picture (on a CPU far cheaper than multisampling)."""
        self.width, self.height = width, height
        self.context = moderngl.create_standalone_context(backend="egl")
        gl = self.context
        self.drawn_size = size = (round(width * supersample), round(height * supersample))
        depth = gl.depth_renderbuffer(size)
        self._surface = gl.framebuffer([gl.renderbuffer(size, 4)], depth)
        self._target = gl.framebuffer([gl.renderbuffer(size, 4)], depth)
        self._shadow_map, self._shadow_target = _depth_target(gl, shadow_size)
        self._materials = {k: gl.program(vertex_shader=shaders.VERTEX, fragment_shader=shaders.fragment(k)) for k in shaders.KINDS}
        self._noise = noise_texture(gl)
        self._textures: dict[Hashable, moderngl.Texture] = {}
        self._surfaces = gl.program(vertex_shader=shaders.SURFACE_VERTEX, fragment_shader=shaders.SURFACE_FRAGMENT)
        self._depth = gl.program(vertex_shader=shaders.DEPTH_VERTEX, fragment_shader=shaders.DEPTH_FRAGMENT)
        self._backdrop = gl.program(vertex_shader=shaders.BACKDROP_VERTEX, fragment_shader=shaders.BACKDROP_FRAGMENT)
        corners = gl.buffer(np.array([-1, -1, 1, -1, -1, 1, 1, 1], np.float32))
        self._backdrop_quad = gl.vertex_array(self._backdrop, [(corners, "2f", "in_corner")])
        self._backdrop_texture = gl.texture((width, height), 3)
        self._people: dict[int, tuple[Person, dict[str, LayerBuffers]]] = {}

    def forget(self, person: Person) -> None:
        _, buffers = self._people.pop(id(person), (None, {}))
        for item in buffers.values():
            for resource in (
                item.stream,
                item.uvs,
                item.indices,
                item.sorted_indices,
                item.seen_indices,
                item.drawn_seen,
                item.drawn_sorted,
                item.numbered,
                item.cast,
            ):
                resource.release()

    def render(self, people: list[tuple[Person, Pose]], camera: Camera, lighting: Lighting, backdrop: np.ndarray) -> np.ndarray:
        """[H, W, 3] uint8 RGB."""
        scene = [self._update(person, pose, camera) for person, pose in people]
        light = self._light_matrix(lighting, people)
        self._draw_shadows(scene, light, self._shadow_target)
        self._draw_surfaces(scene, camera)
        seen = np.bincount(self.surface_numbers().ravel(), minlength=1 + max((_triangles(buffers) for buffers in scene), default=0)) > 0
        self._target.use()
        self._draw_backdrop(backdrop)
        self._set_scene(camera, lighting, light)
        for (person, pose), buffers in zip(people, scene):
            self._set_face(person, pose)
            self._draw_person(buffers, seen)
        image = np.frombuffer(self._target.read(components=3, alignment=1), np.uint8).reshape(*self.drawn_size[::-1], 3)[::-1]
        if self.drawn_size == (self.width, self.height):
            return image.copy()
        return cv2.resize(np.ascontiguousarray(image), (self.width, self.height), interpolation=cv2.INTER_AREA)

    def surface_numbers(self) -> np.ndarray:
        """[drawn height, drawn width] int32: which triangle of the last rendered (single) person lies there; 0 where there is none."""
        raw = np.frombuffer(self._surface.read(components=4, alignment=1), "<u4").reshape(self.drawn_size[::-1])
        return (raw[::-1] & 0xFFFFFF).astype(np.int32)

    def posed(self, person: Person) -> dict[str, np.ndarray]:
        """layer -> mesh vertices [V, 3] as last drawn."""
        return {name: item.positions for name, item in self._people[id(person)][1].items()}

    # -- people -> buffers

    def _update(self, person: Person, pose: Pose, camera: Camera) -> dict[str, LayerBuffers]:
        if id(person) not in self._people:
            self._people[id(person)] = (person, self._upload(person))
        buffers = self._people[id(person)][1]
        for name, (positions, normals) in person.pose(pose).items():
            item = buffers[name]
            item.positions = positions
            item.fill(positions, normals)
            if name in SOFT:
                away = np.square(positions - camera.eye).sum(axis=1)
                far_first = np.argsort(-away[item.layer.mesh_triangles].sum(axis=1))
                item.sorted_indices.write(np.ascontiguousarray(item.layer.triangles[far_first]))
        return buffers

    def _upload(self, person: Person) -> dict[str, LayerBuffers]:
        buffers: dict[str, LayerBuffers] = {}
        first_number = 1
        for name, layer in person.layers.items():
            gl = self.context
            stream = gl.buffer(reserve=len(layer.source) * 7 * 4)
            uvs = gl.buffer(layer.uvs.astype(np.float32))
            indices, by_depth, seen = (gl.buffer(layer.triangles) for _ in range(3))
            material = gl.vertex_array(self._materials[name], _attributes(self._materials[name], stream, uvs), seen)
            by_distance = gl.vertex_array(self._materials[name], _attributes(self._materials[name], stream, uvs), by_depth)
            numbered = gl.vertex_array(self._surfaces, _attributes(self._surfaces, stream, uvs), indices)
            cast = gl.vertex_array(self._depth, _attributes(self._depth, stream, uvs), indices)
            buffers[name] = LayerBuffers(
                layer,
                stream,
                uvs,
                indices,
                by_depth,
                seen,
                material,
                by_distance,
                numbered,
                cast,
                self._texture(person, name),
                first_number,
                np.ones(len(layer.source), np.float32),
                PLAIN | person.appearance(name),
            )
            first_number += len(layer.triangles)
        self._bake_occlusion(person, buffers)
        return buffers

    def _bake_occlusion(self, person: Person, buffers: dict[str, LayerBuffers]) -> None:
        """Ambient light that reaches each vertex of the neutral person, from shadow maps of many directions."""
        posed = person.pose(Pose())
        for name, (positions, normals) in posed.items():
            buffers[name].fill(positions, normals)
        depth_map, target = _depth_target(self.context, OCCLUSION_SIZE)
        depths = []
        for direction in DIRECTIONS:
            matrix = ortho_towards(direction, _centre(person), SHADOW_RADIUS)
            self._draw_shadows([buffers], matrix, target)
            depths.append((matrix, np.frombuffer(depth_map.read(), np.float32).reshape(OCCLUSION_SIZE, OCCLUSION_SIZE)))
        target.release()
        depth_map.release()
        for name in ("body", "hair", "clothes"):
            if name in buffers:
                share = mesh_occlusion(*posed[name], depths, two_sided=name == "hair")
                buffers[name].occlusion = share[buffers[name].layer.source].astype(np.float32)
        buffers["body"].occlusion[person.lining()] = LINING

    def _texture(self, person: Person, name: str) -> moderngl.Texture:
        key, pixels = person.texture(name)
        if key not in self._textures:
            self._textures[key] = self._upload_texture(pixels())
        return self._textures[key]

    def _upload_texture(self, pixels: np.ndarray) -> moderngl.Texture:
        texture = self.context.texture((pixels.shape[1], pixels.shape[0]), 4, np.ascontiguousarray(pixels))
        texture.build_mipmaps()
        texture.filter = (moderngl.LINEAR_MIPMAP_NEAREST, moderngl.LINEAR)
        return texture

    # -- passes

    def _light_matrix(self, lighting: Lighting, people: list[tuple[Person, Pose]]) -> np.ndarray:
        centre = np.mean([_centre(person) + pose.shift for person, pose in people] or [[0, 7, 0.5]], axis=0)
        return ortho_towards(_unit(lighting.key_direction), centre, SHADOW_RADIUS)

    def _draw_shadows(self, scene: list[dict[str, LayerBuffers]], light: np.ndarray, target: moderngl.Framebuffer) -> None:
        target.use()
        target.clear(depth=1.0)
        self._depth["view_projection"].write(light.T.tobytes())
        for buffers in scene:
            for name in SHADOW_CASTERS:
                if name in buffers:
                    buffers[name].texture.use(0)
                    self._enable(name)
                    self._depth["see_through"] = int(name == "hair")
                    buffers[name].cast.render()

    def _draw_surfaces(self, scene: list[dict[str, LayerBuffers]], camera: Camera) -> None:
        self._surface.use()
        self._surface.clear(0, 0, 0, 0)
        self._surfaces["view_projection"].write(np.ascontiguousarray(camera.matrix(self.width / self.height).T).tobytes())
        for buffers in scene:
            for name in SOLID:
                if name in buffers:
                    item = buffers[name]
                    self._enable(name)
                    item.texture.use(0)
                    self._surfaces["see_through"] = int(name in SOFT)
                    self._surfaces["first_number"] = item.first_number
                    item.numbered.render()

    def _enable(self, name: str) -> None:
        self.context.enable_only(moderngl.DEPTH_TEST | moderngl.CULL_FACE if name in CLOSED else moderngl.DEPTH_TEST)

    def _draw_backdrop(self, backdrop: np.ndarray) -> None:
        self.context.enable_only(moderngl.NOTHING)
        self._backdrop_texture.write(np.ascontiguousarray(backdrop[::-1]))
        self._backdrop_texture.use(0)
        self._backdrop_quad.render(moderngl.TRIANGLE_STRIP)

    def _draw_person(self, buffers: dict[str, LayerBuffers], seen: np.ndarray) -> None:
        """`seen` [1 + triangles] bool: which of them the surface pass has left in the picture."""
        gl = self.context
        self._shadow_map.use(1)
        self._noise.use(2)
        self._target.depth_mask = False  # the surface pass has filled it
        gl.depth_func = "=="
        for name in SOLID:
            if name in buffers:
                self._enable(name)
                self._draw_solid(buffers[name], name, seen)
        gl.depth_func = "<="
        gl.enable_only(moderngl.DEPTH_TEST | moderngl.BLEND)
        gl.blend_func = moderngl.ONE, moderngl.ONE_MINUS_SRC_ALPHA
        for name, pass_kind in (("eyes", 2), ("brows", 0), ("lashes", 0), ("hair", 2)):
            if name in buffers:
                self._prepare(buffers[name], name, pass_kind)
                buffers[name].drawn_sorted.render()
        self._target.depth_mask = True

    def _draw_solid(self, item: LayerBuffers, name: str, seen: np.ndarray) -> None:
        """Most triangles are hidden or too small: setting them up again would cost more than the pixels do."""
        triangles = item.layer.triangles[seen[item.first_number : item.first_number + len(item.layer.triangles)]]
        if len(triangles):
            item.seen_indices.write(triangles)
            self._prepare(item, name, 1)
            item.drawn_seen.render(vertices=triangles.size)

    def _prepare(self, item: LayerBuffers, name: str, pass_kind: int) -> None:
        item.texture.use(0)
        _assign(self._materials[name], {"pass_kind": pass_kind, **item.uniforms})

    # -- uniforms

    def _set(self, values: dict) -> None:
        for program in self._materials.values():
            _assign(program, values)

    def _set_scene(self, camera: Camera, lighting: Lighting, light: np.ndarray) -> None:
        self._set({
            "view_projection": camera.matrix(self.width / self.height).T, "light_projection": light.T,
            "albedo_map": 0, "shadow_map": 1, "noise_map": 2, "eye": camera.eye, "exposure": lighting.exposure, "detail": 1.0,
            "key_direction": _unit(lighting.key_direction), "key_colour": lighting.key_colour,
            "fill_direction": _unit(lighting.fill_direction), "fill_colour": lighting.fill_colour,
            "rim_direction": _unit(lighting.rim_direction), "rim_colour": lighting.rim_colour,
            "sky": lighting.sky, "ground": lighting.ground, "shadow_strength": lighting.shadow_strength,
        })  # fmt: skip

    def _set_face(self, person: Person, pose: Pose) -> None:
        turn = rotation(pose.yaw, pose.pitch, pose.roll)
        mouth, left, right = person.landmarks_of_shading(pose)
        opening = pose.expression.get("jawOpen", 0.0) + sum(w for n, w in pose.expression.items() if n.startswith("visemes")) * 0.5
        self._set({
            "mouth": mouth, "left_eye": left, "right_eye": right, "mouth_open": float(np.clip(opening, 0, 1)),
            "face_forward": turn[:, 2], "face_up": turn[:, 1], "gaze": turn @ rotation(pose.gaze_yaw, pose.gaze_pitch, 0)[:, 2],
        })  # fmt: skip


def _depth_target(context: moderngl.Context, size: int) -> tuple[moderngl.Texture, moderngl.Framebuffer]:
    texture = context.depth_texture((size, size))
    texture.compare_func = ""
    texture.filter = (moderngl.NEAREST, moderngl.NEAREST)
    return texture, context.framebuffer([], texture)


def _attributes(program: moderngl.Program, stream: moderngl.Buffer, uvs: moderngl.Buffer) -> list[tuple]:
    """What the program reads of the stream (position, normal, occlusion) and the uvs; the rest is skipped over."""
    fields = [("3f", "12x", "in_position"), ("3f", "12x", "in_normal"), ("1f", "4x", "in_occlusion")]
    layout = " ".join(used if name in program else skipped for used, skipped, name in fields)
    return [(stream, layout, *(name for _, _, name in fields if name in program)), (uvs, "2f", "in_uv")]


def _assign(program: moderngl.Program, values: dict) -> None:
    for name, value in values.items():
        if name not in program:  # the compiler drops what a kind of layer does not use
            continue
        if isinstance(value, (int, float)):
            program[name].value = value
        else:
            program[name].write(np.ascontiguousarray(value, np.float32).tobytes())


def noise_texture(context: moderngl.Context, size: int = 256) -> moderngl.Texture:
    """Tileable grain of three coarsenesses, mean 0.5, the same on every machine."""
    random = np.random.default_rng(7)
    channels = []
    for sigma in (0.8, 0.0, 10.0, 0.8):
        field_ = random.normal(size=(size, size)).astype(np.float32)
        if sigma:
            wrapped = np.tile(field_, (3, 3))
            field_ = cv2.GaussianBlur(wrapped, (0, 0), sigma)[size : 2 * size, size : 2 * size]
        channels.append(np.clip(0.5 + 0.2 * field_ / field_.std(), 0, 1))
    texture = context.texture((size, size), 4, (np.stack(channels, -1) * 255).astype(np.uint8))
    texture.build_mipmaps()
    texture.filter = (moderngl.LINEAR_MIPMAP_NEAREST, moderngl.LINEAR)
    return texture


def _centre(person: Person) -> np.ndarray:
    return np.mean(person.eye_centres, axis=0) - np.array([0, 0.7, 0.9])


def _triangles(buffers: dict[str, LayerBuffers]) -> int:
    return sum(len(item.layer.triangles) for item in buffers.values())


def _unit(vector) -> np.ndarray:
    return np.asarray(vector, float) / np.linalg.norm(vector)
