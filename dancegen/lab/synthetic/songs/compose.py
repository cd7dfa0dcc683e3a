"""Songs composed at random, their beats and bars known: sections of a few bars, in each some of the instruments."""

from __future__ import annotations

import numpy as np

from dancegen.lab.synthetic.songs.layers import choose_layers
from dancegen.lab.synthetic.songs.patterns import FOURS, THREES
from dancegen.lab.synthetic.songs.piece import ARPEGGIO, BASS, COMP, DRUMS, PAD, TUNE, Piece
from dancegen.lab.synthetic.songs.tempo import beat_times
from dancegen.lab.synthetic.songs.writer import Writer

# General MIDI's programs that play the parts.
PROGRAMS = {
    BASS: (32, 33, 34, 35, 36, 38, 39, 43, 58, 0),
    COMP: (0, 1, 2, 4, 5, 6, 7, 11, 16, 17, 18, 19, 21, 22, 24, 25, 26, 27, 28, 29, 30, 46, 62, 63, 81),
    PAD: (48, 49, 50, 51, 52, 53, 54, 61, 88, 89, 90, 91, 92, 94, 95, 19, 21),
    TUNE: (
        *(0, 4, 9, 10, 11, 12, 13, 22, 24, 26, 40, 41, 42, 52, 53, 54, 56, 57, 59, 60, 64, 65, 66, 68, 70, 71, 72, 73),
        *(74, 75, 79, 80, 81, 82, 84, 85),
    ),
    ARPEGGIO: (0, 1, 4, 6, 11, 24, 25, 26, 27, 46, 62, 81),
    DRUMS: (0, 8, 16, 24, 25, 32, 40),
}
THREE = 0.36  # share of songs in three
PICKUP = 0.4  # share of songs that begin before their first bar
ANY_TEMPO = 0.25  # share of songs whose tempo is not their genre's
SLOWEST, FASTEST, FASTEST_WITHOUT_DRUMS = 50.0, 205.0, 165.0  # beats a minute
LOOSEST = 0.012  # s, standard deviation of the notes' starts


def compose(rng: np.random.Generator, seconds: float) -> Piece:
    """A song of about `seconds`."""
    meter = 3 if rng.random() < THREE else 4
    table = THREES if meter == 3 else FOURS
    name = str(rng.choice(list(table)))
    genre = table[name]
    low, high = (SLOWEST, FASTEST) if rng.random() < ANY_TEMPO else (genre.low, genre.high)
    tempo = float(np.exp(rng.uniform(np.log(low), np.log(high))))
    if name == "no drums":
        tempo = min(tempo, FASTEST_WITHOUT_DRUMS)
    beats = beat_times(rng, tempo, seconds)
    pickup = int(rng.integers(1, meter)) if rng.random() < PICKUP else 0
    drums = genre.patterns[rng.integers(len(genre.patterns))]
    layers = choose_layers(rng, name, meter, float(rng.choice(genre.swings)), drums)
    programs = {part: int(rng.choice(choice)) for part, choice in PROGRAMS.items()}
    writer = Writer(rng, meter, beats, pickup, layers, rng.uniform(0, LOOSEST))
    writer.write(name)
    played = beats[beats < seconds]
    downbeat = (np.arange(len(played)) - pickup) % meter == 0
    notes = sorted(note for note in writer.notes if note.start < seconds)
    return Piece(notes, played, downbeat, meter, name, programs)
