"""Draws a triangle mesh with depth and tells for each pixel which triangle it shows and where in it: everything else is interpolated
outside."""

from __future__ import annotations

import os

os.environ.setdefault("LP_NUM_THREADS", "0")  # llvmpipe: its threads wait for each other more than they draw

import moderngl
import numpy as np

VERTEX = """
#version 330
in vec3 in_place; in vec2 in_source;
out vec3 corner; out vec2 source;
void main() {
    corner = vec3(gl_VertexID % 3 == 0, gl_VertexID % 3 == 1, gl_VertexID % 3 == 2);
    source = in_source;
    gl_Position = vec4(in_place.xy * 2.0 - 1.0, clamp(in_place.z, -0.99, 0.99), 1.0);
}
"""
FRAGMENT = """
#version 330
uniform sampler2D presence;
in vec3 corner; in vec2 source;
out vec4 surface;
void main() {
    if (source.x > -1.0 && texture(presence, source).r < 0.01) discard;
    surface = vec4(float(gl_PrimitiveID + 1), corner);
}
"""
EVERYWHERE = -2.0  # a source coordinate that says: never transparent


class SurfaceRenderer:
    def __init__(self, side: int):
        self.side = side
        self.context = moderngl.create_standalone_context(backend="egl")
        gl = self.context
        self._program = gl.program(vertex_shader=VERTEX, fragment_shader=FRAGMENT)
        self._target = gl.framebuffer([gl.renderbuffer((side, side), 4, dtype="f4")], gl.depth_renderbuffer((side, side)))
        self._presence = gl.texture((side, side), 1, dtype="f4")
        self._presence.repeat_x = self._presence.repeat_y = False
        self._buffer, self._vertices = None, None
        gl.enable(moderngl.DEPTH_TEST)

    def set_presence(self, presence: np.ndarray) -> None:
        """[side, side] over the sources: where it is 0 the mesh is not there."""
        self._presence.write(np.ascontiguousarray(presence, np.float32))

    def draw(self, points: np.ndarray, triangles: np.ndarray, source: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """`points` [V, 3] in picture widths, `source` [V or M*3, 2] -> triangle [side, side] (-1: none) and its corners' shares [side,
        side, 3]."""
        corners = triangles.ravel()
        data = np.concatenate([points[corners], source[corners] if len(source) == len(points) else source], axis=1).astype(np.float32)
        if self._buffer is None or self._buffer.size != data.nbytes:
            self._buffer = self.context.buffer(reserve=data.nbytes)
            self._vertices = self.context.vertex_array(self._program, [(self._buffer, "3f 2f", "in_place", "in_source")])
        self._buffer.write(data.tobytes())
        self._target.use()
        self._target.clear(0, 0, 0, 0)
        self._presence.use(0)
        self._vertices.render(moderngl.TRIANGLES)
        surface = np.frombuffer(self._target.read(components=4, dtype="f4"), np.float32).reshape(self.side, self.side, 4)
        return surface[..., 0].astype(np.int32) - 1, surface[..., 1:]
