"""The two loops that draw a shell, compiled by numba: vertices follow bones, triangles become pixels.

Import this module within `compiled.compile_alone`, and call `warm` there: one process compiles, all others read.

Glossary: N vertices; M triangles; K = 15 bones; h x w the part of the video that is drawn; SIDE x SIDE samples a pixel.
Axes: x to the right, y down, z away from the camera, all in pixels of the video.
"""

from __future__ import annotations

import numpy as np

from dancegen.compiled import jit
from dancegen.renderers.avatar.bones import Rig
from dancegen.renderers.avatar.shell import Atlas, Mesh

SIDE = 2  # samples along each side of a pixel: edges are drawn in five steps
FAR = np.float32(1e9)
# How squarely a surface must face the camera (cosine) for its soft edge to be the outline's; beyond about 25 degrees
# the outline is another part of the shell, and a soft edge would be a grey fringe on it.
TURNED, SQUARE = 0.9, 0.97
SHADE = 0.3  # of the light that a surface loses which shows the camera its face in the picture and its edge in a pose
STRAIGHT = 0.6  # of the way from where dual quaternions take a vertex to where its bones, each alone, would
FAINT, SOLID = 0.06, 0.5  # alpha below which nothing is drawn, and from which it hides what is behind


@jit
def move(motion: tuple[float, ...], x: float, y: float, z: float) -> tuple[float, float, float]:
    """A point moved by a dual quaternion (8,) whose real part is a unit."""
    q0, q1, q2, q3, d0, d1, d2, d3 = motion
    cx, cy, cz = q2 * z - q3 * y + q0 * x, q3 * x - q1 * z + q0 * y, q1 * y - q2 * x + q0 * z
    return (
        x + 2 * (q2 * cz - q3 * cy) + 2 * (-d0 * q1 + d1 * q0 - d2 * q3 + d3 * q2),
        y + 2 * (q3 * cx - q1 * cz) + 2 * (-d0 * q2 + d1 * q3 + d2 * q0 - d3 * q1),
        z + 2 * (q1 * cy - q2 * cx) + 2 * (-d0 * q3 - d1 * q2 + d2 * q1 + d3 * q0),
    )


@jit
def skin(mesh: Mesh, rig: Rig, first: int, last: int, placed: np.ndarray, facing: np.ndarray) -> None:
    """Vertices `first` to `last` in a pose: `placed` (N, 3), and how squarely the sheet there faces the camera and
    what is left of the picture's light on it (N, 2).

    Each is first stretched along its bones and widened around them, then moved: in part by the mixture of their dual
    quaternions, which keeps how thick a twisted limb is but swells joints, in part to the mixture of where each bone
    alone would take it.
    """
    for i in range(first, last):
        x, y, z = rig.scale * mesh.vertices[i, 0], rig.scale * mesh.vertices[i, 1], rig.scale * mesh.vertices[i, 2]
        ex, ey, ez = 0.0, 0.0, 0.0
        q0, q1, q2, q3, d0, d1, d2, d3 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        lead = mesh.bones[i, 0]
        for j in range(4):
            share = mesh.weights[i, j]
            if share <= 0:
                continue
            k = mesh.bones[i, j]
            start, axis = rig.pivots[k], rig.axes[k]
            along = (x - start[0]) * axis[0] + (y - start[1]) * axis[1] + (z - start[2]) * axis[2]
            wider = share * (rig.widths[k, 0] + rig.widths[k, 1] * along - 1.0)
            more = share * (rig.stretches[k] - 1.0) * along - wider * along
            ex += more * axis[0] + wider * (x - start[0])
            ey += more * axis[1] + wider * (y - start[1])
            ez += more * axis[2] + wider * (z - start[2])
            m, n = rig.motions[k], rig.motions[lead]
            if n[0] * m[0] + n[1] * m[1] + n[2] * m[2] + n[3] * m[3] < 0:  # q and -q are one rotation
                share = -share
            q0, q1, q2, q3 = q0 + share * m[0], q1 + share * m[1], q2 + share * m[2], q3 + share * m[3]
            d0, d1, d2, d3 = d0 + share * m[4], d1 + share * m[5], d2 + share * m[6], d3 + share * m[7]
        x, y, z = x + ex, y + ey, z + ez
        norm = 1.0 / np.sqrt(q0 * q0 + q1 * q1 + q2 * q2 + q3 * q3 + 1e-20)
        q0, q1, q2, q3 = q0 * norm, q1 * norm, q2 * norm, q3 * norm
        px, py, pz = move((q0, q1, q2, q3, d0 * norm, d1 * norm, d2 * norm, d3 * norm), x, y, z)
        if mesh.weights[i, 0] < 0.995:
            lx, ly, lz = 0.0, 0.0, 0.0
            for j in range(4):
                share = mesh.weights[i, j]
                if share > 0:
                    m = rig.motions[mesh.bones[i, j]]
                    ax, ay, az = move((m[0], m[1], m[2], m[3], m[4], m[5], m[6], m[7]), x, y, z)
                    lx, ly, lz = lx + share * ax, ly + share * ay, lz + share * az
            px, py, pz = px + STRAIGHT * (lx - px), py + STRAIGHT * (ly - py), pz + STRAIGHT * (lz - pz)
        placed[i, 0], placed[i, 1], placed[i, 2] = px, py, pz
        nx, ny, nz = mesh.normals[i]
        facing[i, 0] = abs(1 - 2 * (q1 * q1 + q2 * q2))
        turned = 2 * (q1 * q3 - q0 * q2) * nx + 2 * (q2 * q3 + q0 * q1) * ny + (1 - 2 * (q1 * q1 + q2 * q2)) * nz
        facing[i, 1] = min(1.0, 1 + SHADE * (abs(turned) - abs(nz)))  # the picture's light falls on sides too


@jit
def draw(
    mesh: Mesh,
    atlas: Atlas,
    placed: np.ndarray,
    facing: np.ndarray,
    depth: np.ndarray,
    samples: np.ndarray,
    rows: tuple[int, int],
) -> None:
    """Draw some rows of samples, the nearest surface at each, the faces that look away left out.

    Args:
        placed: (N, 3), x and y from the corner of what is drawn; facing: (N, 2).
        depth: (SIDE h, SIDE w) float32, `FAR` where nothing is yet.
        samples: (SIDE h, SIDE w, 4) uint8 RGBA, multiplied by alpha; 0 where nothing is yet.
        rows: the first and the row after the last.
    """
    top, bottom, width = rows[0], rows[1], depth.shape[1]
    for t in range(mesh.triangles.shape[0]):
        i, j, k = mesh.triangles[t, 0], mesh.triangles[t, 1], mesh.triangles[t, 2]
        y0, y1, y2 = placed[i, 1] * SIDE - 0.5, placed[j, 1] * SIDE - 0.5, placed[k, 1] * SIDE - 0.5
        low, high = min(y0, min(y1, y2)), max(y0, max(y1, y2))
        if high < top or low > bottom - 1:
            continue
        x0, x1, x2 = placed[i, 0] * SIDE - 0.5, placed[j, 0] * SIDE - 0.5, placed[k, 0] * SIDE - 0.5
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        left, right = min(x0, min(x1, x2)), max(x0, max(x1, x2))
        if area < 1e-4 or right < 0 or left > width - 1:
            continue
        ya, yb = max(top, int(np.ceil(low))), min(bottom - 1, int(np.floor(high)))
        xa, xb = max(0, int(np.ceil(left))), min(width - 1, int(np.floor(right)))
        if ya > yb or xa > xb:
            continue
        z0, z1, z2 = placed[i, 2], placed[j, 2], placed[k, 2]
        page = mesh.pages[t]
        start, wide, tall = atlas.starts[page], atlas.widths[page], atlas.heights[page]
        soft = min(1.0, max(0.0, (facing[i, 0] - TURNED) / (SQUARE - TURNED)))
        g1x, g1y, g2x, g2y = (y2 - y0) / area, -(x2 - x0) / area, -(y1 - y0) / area, (x1 - x0) / area
        u0, u1, u2 = mesh.uv[i, 0] - 0.5, mesh.uv[j, 0] - 0.5, mesh.uv[k, 0] - 0.5
        v0, v1, v2 = mesh.uv[i, 1] - 0.5, mesh.uv[j, 1] - 0.5, mesh.uv[k, 1] - 0.5
        for y in range(ya, yb + 1):
            l1, l2 = (xa - x0) * g1x + (y - y0) * g1y, (xa - x0) * g2x + (y - y0) * g2y
            for x in range(xa, xb + 1):
                l0 = 1.0 - l1 - l2
                if l0 >= -1e-5 and l1 >= -1e-5 and l2 >= -1e-5:
                    z = l0 * z0 + l1 * z1 + l2 * z2
                    if z < depth[y, x]:
                        u = min(max(l0 * u0 + l1 * u1 + l2 * u2, 0.0), wide - 1.001)
                        v = min(max(l0 * v0 + l1 * v1 + l2 * v2, 0.0), tall - 1.001)
                        iu, iv = int(u), int(v)
                        fu, fv = u - iu, v - iv
                        p = start + (iv * wide + iu) * 4
                        q = p + wide * 4
                        a, b, c, d = (1 - fu) * (1 - fv), fu * (1 - fv), (1 - fu) * fv, fu * fv
                        alpha = a * atlas.texels[p + 3] + b * atlas.texels[p + 7]
                        alpha = (alpha + c * atlas.texels[q + 3] + d * atlas.texels[q + 7]) / 255.0
                        alpha = alpha * soft + 1.0 - soft
                        if alpha > FAINT:
                            under = 1.0 - alpha
                            light = alpha * (l0 * facing[i, 1] + l1 * facing[j, 1] + l2 * facing[k, 1])
                            for n in range(3):
                                tone = a * atlas.texels[p + n] + b * atlas.texels[p + 4 + n]
                                tone += c * atlas.texels[q + n] + d * atlas.texels[q + 4 + n]
                                samples[y, x, n] = np.uint8(
                                    min(light * tone, 255.0 * alpha) + under * samples[y, x, n] + 0.5
                                )
                            samples[y, x, 3] = np.uint8(alpha * 255.0 + under * samples[y, x, 3] + 0.5)
                            if alpha > SOLID:
                                depth[y, x] = z
                l1 += g1x
                l2 += g2x


@jit
def clear(depth: np.ndarray, samples: np.ndarray, rows: tuple[int, int]) -> None:
    """Make some rows of `draw`'s canvas empty."""
    depth[rows[0] : rows[1]] = FAR
    samples[rows[0] : rows[1]] = 0


@jit
def resolve(depth: np.ndarray, samples: np.ndarray, layer: np.ndarray, rows: tuple[int, int]) -> None:
    """Pixels from some rows of samples: `layer` (5, h, w) float32, premultiplied RGBA in 0..1 and the nearest depth."""
    share = np.float32(1.0 / (255.0 * SIDE * SIDE))
    for y in range(rows[0] // SIDE, rows[1] // SIDE):
        for x in range(layer.shape[2]):
            nearest, r, g, b, a = FAR, 0, 0, 0, 0
            for dy in range(SIDE):
                for dx in range(SIDE):
                    nearest = min(nearest, depth[SIDE * y + dy, SIDE * x + dx])
                    r += samples[SIDE * y + dy, SIDE * x + dx, 0]
                    g += samples[SIDE * y + dy, SIDE * x + dx, 1]
                    b += samples[SIDE * y + dy, SIDE * x + dx, 2]
                    a += samples[SIDE * y + dy, SIDE * x + dx, 3]
            layer[0, y, x], layer[1, y, x], layer[2, y, x] = r * share, g * share, b * share
            layer[3, y, x], layer[4, y, x] = a * share, nearest


def warm() -> None:
    """Compile everything, or read what was compiled before."""
    shapes = (3, 3), (3, 2), (3, 4), (3, 4), (1, 3), (1,), (3, 3)
    kinds = np.float32, np.float32, np.int32, np.float32, np.int32, np.int32, np.float32
    mesh = Mesh(*(np.zeros(shape, kind) for shape, kind in zip(shapes, kinds, strict=True)))
    atlas = Atlas(np.zeros(16, np.uint8), np.zeros(1, np.int64), np.full(1, 2, np.int32), np.full(1, 2, np.int32))
    rig = Rig(1.0, *(np.zeros((15, *more), np.float32) for more in ((8,), (3,), (3,), (), (2,))))
    placed, facing = np.zeros((3, 3), np.float32), np.zeros((3, 2), np.float32)
    depth = np.zeros((SIDE, 2 * SIDE), np.float32)[:, :SIDE]  # a part of a larger array, as canvases are
    samples = np.zeros((SIDE, 2 * SIDE, 4), np.uint8)[:, :SIDE]
    skin(mesh, rig, 0, 3, placed, facing)
    clear(depth, samples, (0, SIDE))
    draw(mesh, atlas, placed, facing, depth, samples, (0, SIDE))
    resolve(depth, samples, np.zeros((5, 1, 1), np.float32), (0, SIDE))
