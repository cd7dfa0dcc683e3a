"""HotDance's sizes, stored with its weights. What the paper leaves open is listed in the model card."""

from __future__ import annotations

from dataclasses import dataclass

from dancegen.body.joints import V

AXES = 3  # x, y and depth: a row of the picture for each of a joint's


@dataclass(frozen=True)
class HotDanceConfig:
    """Sizes of the autoencoder of pose pictures and of the diffusion transformer.

    Attributes:
        frames: columns of a segment's pose picture; each beat has as many as `stride`, at whatever tempo.
        bins: W, the height of the picture: how finely a coordinate is told.
        stride: by which the autoencoder shrinks both sides; so a column of latents is a beat.
        latent: channels of a latent.
        frame_width: features of one frame.
        vae_width: features of a group of frames inside the autoencoder.
        vae_blocks: of the encoder and of the decoder.
        patch: rows of latents that share a token of the transformer.
        width, layers, heads, mlp: of the transformer; mlp in widths.
        overlap: columns that a segment takes over from the one before.
        shared: whether poses hear the music of their own beat; an ablation hears the mean of the segment's.
    """

    frames: int = 160
    bins: int = 64
    stride: int = 8
    latent: int = 16
    frame_width: int = 160
    vae_width: int = 256
    vae_blocks: tuple[int, int] = (2, 3)
    patch: int = 8
    width: int = 256
    layers: int = 8
    heads: int = 8
    mlp: int = 4
    overlap: int = 32
    shared: bool = True

    def __post_init__(self) -> None:
        whole = [self.frames % self.stride, self.bins % self.stride, self.overlap % self.stride, self.rows % self.patch]
        if any(whole) or self.width % (4 * self.heads) or not 0 < self.overlap < self.frames:
            raise ValueError("its sizes do not divide evenly")
        if self.frame_width < 2 * self.channels:
            raise ValueError("frame_width has no room for the place and the presence of each coordinate")

    @property
    def channels(self) -> int:
        """Rows of coordinates of a pose picture: 18 joints by x, y and depth."""
        return V * AXES

    @property
    def raw(self) -> bool:
        """Whether latents are the coordinates of a column's 8 frames themselves; an ablation."""
        return self.latent == self.channels and self.rows == self.stride

    @property
    def rows(self) -> int:
        """Latents above each other: bins / stride."""
        return self.bins // self.stride

    @property
    def columns(self) -> int:
        """Latents of a segment in time."""
        return self.frames // self.stride
