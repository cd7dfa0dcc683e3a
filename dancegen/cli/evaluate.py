"""`dancegen evaluate ...`: the measurements, one module each."""

from __future__ import annotations

from dancegen.cli.train import assemble

# as in `cli.train`
NAMES = {
    "stg-mamba": "choreographer",
    "puppet": "renderer",
    "subject": "subject",
    "vimo": "vimo",
    "style": "style",
    "beats": "beats",
}
COMMANDS = {"evaluate": assemble("evaluate", NAMES, "Measure how good the networks are.")}
