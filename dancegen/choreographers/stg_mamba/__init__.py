"""The STG-Mamba choreographer (arXiv 2507.06689)."""
