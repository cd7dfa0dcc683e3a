"""Draw a posed character with OpenGL (EGL, no window): colour, limb labels, normals, depth, a shadow on the floor.

Runs on Mesa's llvmpipe without a GPU. No anisotropic filtering: one edge-on triangle can then take minutes there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from dancegen.lab.synthetic.character import LABELS, Character

SUPERSAMPLE = 2
SHADOW_SIZE = 256
PALETTE_SIZE = 64  # textures this small are swatches: neighbouring colours must not mix

VERTEX_SHADER = """#version 330
uniform mat4 camera; in vec3 place; in vec3 normal; in vec2 uv; in mat4 limbs;
out vec3 vertex_normal; out vec2 vertex_uv; out mat4 vertex_limbs;
void main() { vertex_normal = normal; vertex_uv = uv; vertex_limbs = limbs; gl_Position = camera * vec4(place, 1); }
"""
FRAGMENT_SHADER = """#version 330
uniform sampler2D skin; uniform vec3 sun; uniform vec3 sun_colour; uniform vec3 sky_colour; uniform float shine;
uniform vec3 eye; uniform vec2 depth_range;
in vec3 vertex_normal; in vec2 vertex_uv; in mat4 vertex_limbs;
layout(location = 0) out vec4 colour; layout(location = 1) out vec4 shape;
void main() {
  vec4 base = texture(skin, vertex_uv); if (base.a < 0.5) discard;
  vec3 n = normalize(vertex_normal); if (!gl_FrontFacing) n = -n;
  float lit = max(dot(n, sun), 0.0);
  float gloss = pow(max(dot(n, normalize(sun + eye)), 0.0), 24.0) * shine;
  colour = vec4(base.rgb * (sky_colour * (0.78 + 0.22 * n.y) + sun_colour * lit) + gloss * sun_colour, 1.0);
  float depth = clamp((1.0 / gl_FragCoord.w - depth_range.x) / (depth_range.y - depth_range.x), 0.0, 1.0);
  float best = 0.0, label = 1.0;
  for (int i = 1; i < 16; i++) { float w = vertex_limbs[i / 4][i % 4]; if (w > best) { best = w; label = float(i); } }
  shape = vec4(label / 255.0, n.xy * 0.5 + 0.5, depth);
}
"""
SHADOW_VERTEX = """#version 330
uniform mat4 camera; uniform vec3 slope; in vec3 place; out float height;
void main() { height = place.y; gl_Position = camera * vec4(place - slope * place.y, 1); }
"""
SHADOW_FRAGMENT = """#version 330
in float height; uniform float fade; out vec4 dark;
void main() { dark = vec4(exp(-height * fade)); }
"""


@dataclass(frozen=True)
class Light:
    """A sun and a sky. Colours are RGB factors; `sun` is a unit vector towards the light."""

    sun: np.ndarray
    sun_colour: tuple[float, float, float]
    sky_colour: tuple[float, float, float]
    shine: float


@dataclass(frozen=True)
class Drawn:
    """One drawn person at `SUPERSAMPLE` times the frame's size, S pixels a side.

    Attributes:
        colour: (S, S, 3) uint8; labels: (S, S) uint8, 0 where nobody is; normals: (S, S, 2) uint8; depth: (S, S) uint8.
        shadow: (SHADOW_SIZE, SHADOW_SIZE) uint8, 255 where the floor is darkest.
    """

    colour: np.ndarray
    labels: np.ndarray
    normals: np.ndarray
    depth: np.ndarray
    shadow: np.ndarray


class Painter:
    """Holds the OpenGL context and the current character's buffers."""

    def __init__(self, size: int) -> None:
        import moderngl

        self.gl: Any = moderngl
        self.context: Any = self.gl.create_standalone_context(backend="egl")
        self.context.gc_mode = "auto"  # frees the previous character
        self.context.enable(moderngl.DEPTH_TEST)
        self.person = self.context.program(VERTEX_SHADER, FRAGMENT_SHADER)
        self.shadow = self.context.program(SHADOW_VERTEX, SHADOW_FRAGMENT)
        self.size = size * SUPERSAMPLE
        square = (self.size, self.size)
        self.target = self.context.framebuffer(
            [self.context.texture(square, 4), self.context.texture(square, 4)], self.context.depth_renderbuffer(square)
        )
        self.floor = self.context.framebuffer([self.context.texture((SHADOW_SIZE, SHADOW_SIZE), 1)])

    def use(self, character: Character) -> None:
        """Upload what does not move: texture, texture coordinates, limb weights, faces."""
        still = np.concatenate([character.uvs, character.limb_weights], axis=1).astype("f4")  # (N, 2 + LABELS)
        self.moving = self.context.buffer(reserve=len(still) * 6 * 4)
        faces = self.context.buffer(character.faces.astype("u4").tobytes())
        fixed = self.context.buffer(still.tobytes())
        parts = [(self.moving, "3f 3f", "place", "normal"), (fixed, "2f 16f", "uv", "limbs")]
        self.person_array = self.context.vertex_array(self.person, parts, faces)
        self.shadow_array = self.context.vertex_array(self.shadow, [(self.moving, "3f 3x4", "place")], faces)
        self.skin = self.context.texture(character.texture.size, 4, character.texture.tobytes())
        if character.texture.width <= PALETTE_SIZE:
            self.skin.filter = (self.gl.NEAREST, self.gl.NEAREST)
        else:
            self.skin.build_mipmaps()

    def draw(
        self, vertices: np.ndarray, normals: np.ndarray, camera: np.ndarray, eye: np.ndarray, light: Light, fade: float
    ) -> Drawn:
        """Draw the posed character.

        Args:
            vertices, normals: (N, 3) float32.
            camera: (4, 4) from the world to clip space.
            eye: (3,) the camera's place.
            light: the scene's.
            fade: how quickly the shadow fades with the height of what throws it, 1/m.
        """
        self.moving.write(np.concatenate([vertices, normals], axis=1).astype("f4").tobytes())
        matrix = np.ascontiguousarray(camera.T.astype("f4")).tobytes()
        shadow = self._shadow(matrix, light, fade)
        distances = np.linalg.norm(vertices - eye, axis=1)
        values = {
            "sun": tuple(light.sun),
            "sun_colour": light.sun_colour,
            "sky_colour": light.sky_colour,
            "shine": light.shine,
            "eye": tuple(eye / (np.linalg.norm(eye) + 1e-9)),
            "depth_range": (float(distances.min()) - 0.2, float(distances.max()) + 0.2),
        }
        self.target.use()
        self.context.clear(0, 0, 0, 0)
        self.skin.use(0)
        self.person["camera"].write(matrix)
        for name, value in values.items():
            self.person[name].value = value
        self.person_array.render()
        colour, shape = (self._read(attachment) for attachment in (0, 1))
        labels = np.minimum(shape[..., 0], LABELS - 1)
        return Drawn(colour[..., :3], labels, shape[..., 1:3], shape[..., 3], shadow)

    def _shadow(self, matrix: bytes, light: Light, fade: float) -> np.ndarray:
        slope = light.sun / max(0.35, float(light.sun[1]))
        self.floor.use()
        self.context.clear(0, 0, 0, 0)
        self.context.disable(self.gl.DEPTH_TEST)
        self.context.enable(self.gl.BLEND)
        self.context.blend_equation = self.gl.MAX
        self.shadow["camera"].write(matrix)
        self.shadow["slope"].value = (float(slope[0]), 1.0, float(slope[2]))
        self.shadow["fade"].value = fade
        self.shadow_array.render()
        self.context.blend_equation = self.gl.FUNC_ADD
        self.context.disable(self.gl.BLEND)
        self.context.enable(self.gl.DEPTH_TEST)
        raw = np.frombuffer(self.floor.read(components=1, alignment=1), np.uint8)
        return raw.reshape(SHADOW_SIZE, SHADOW_SIZE)[::-1]

    def _read(self, attachment: int) -> np.ndarray:
        raw = np.frombuffer(self.target.read(components=4, attachment=attachment), np.uint8)
        return raw.reshape(self.size, self.size, 4)[::-1]  # OpenGL's first row is the bottom


def camera_matrix(eye: np.ndarray, at: np.ndarray, fov: float) -> np.ndarray:
    """(4, 4): a perspective camera at `eye` that looks at `at`, y up; `fov` degrees from top to bottom."""
    back = (eye - at) / np.linalg.norm(eye - at)
    right = np.cross([0, 1, 0], back)
    right /= np.linalg.norm(right)
    view = np.eye(4)
    view[:3, :3] = [right, np.cross(back, right), back]
    view[:3, 3] = -view[:3, :3] @ eye
    focal = 1 / np.tan(np.radians(fov) / 2)
    lens = np.diag([focal, focal, -1.01, 0])
    lens[2, 3], lens[3, 2] = -0.2, -1
    return lens @ view


def shift_camera(camera: np.ndarray, scale: float, shift: tuple[float, float]) -> np.ndarray:
    """The same camera with its picture scaled and shifted in clip space (-1..1), as a cropped photo is."""
    crop = np.diag([scale, scale, 1.0, 1.0])
    crop[0, 3], crop[1, 3] = shift
    return crop @ camera


def project(camera: np.ndarray, points: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """(N, 2) pixels of (N, 3) points in a frame of `size`, and (N,) their distances along the view."""
    clip = np.concatenate([points, np.ones((len(points), 1))], axis=1) @ camera.T  # (N, 4)
    return (clip[:, :2] / clip[:, 3:] * [0.5, -0.5] + 0.5) * size, clip[:, 3]
