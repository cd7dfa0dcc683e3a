"""The training of the HotDance choreographer: its autoencoder of pose pictures, then its diffusion transformer."""
