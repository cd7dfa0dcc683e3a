"""Drum patterns of many genres, one bar each: x a stroke, o a soft one, . a rest; as many steps a beat as fit.

A line of a genre is a choice of instruments with their strokes, written "K x...x... S ..x...x.".
"""

from __future__ import annotations

from typing import NamedTuple

Pattern = dict[int, str]  # General MIDI number of a drum -> its strokes in a bar

KICK, SNARE, CRASH, LOW_TOM, MID_TOM, HIGH_TOM = 36, 38, 49, 41, 45, 48
DRUMS_BY_LETTERS = {
    "K": KICK, "B": 35, "S": SNARE, "T": 37, "C": 39, "H": 42, "P": 44, "O": 46, "R": 51, "X": 57, "co": 62, "cl": 64,
    "ch": 63, "bell": 56, "tamb": 54, "shake": 70, "clave": 75, "timb": 65, "hi": 76, "lo": 77, "tri": 81,
}  # fmt: skip


class Genre(NamedTuple):
    """From and to beats a minute, shares of a beat that its first half may have (0.5 straight), drum patterns."""

    low: float
    high: float
    swings: tuple[float, ...]
    patterns: tuple[Pattern, ...]


def _genre(low: float, high: float, swings: tuple[float, ...], *lines: str) -> Genre:
    patterns = []
    for line in lines:
        words = line.split()
        pairs = zip(words[::2], words[1::2], strict=True)
        patterns.append({DRUMS_BY_LETTERS[name]: strokes for name, strokes in pairs})
    return Genre(low, high, swings, tuple(patterns))


STRAIGHT, SWUNG = (0.5,), (0.62, 0.67)

FOURS = {
    "rock": _genre(
        80, 180, STRAIGHT,
        "K x.......x....... S ....x.......x... H x.o.x.o.x.o.x.o.",
        "K x.......x.x..... S ....x.......x... H x.x.x.x.x.x.x.x.",
        "K x..x....x....... S ....x.......x... H x.o.x.o.x.o.x.o.",
        "K x.x.......x..... S ....x.......x..o R x.o.x.o.x.o.x.o.",
        "K x.....x...x..... S ....x.......x... O x...x...x...x...",
        "K x...x...x...x... S ....x.......x... H x.o.x.o.x.o.x.o.",
        "K x.......x....... S ..x...x...x...x. H x...x...x...x...",
        "K x............... S ........x....... O x...x...x...x...",
    ),
    "pop": _genre(
        85, 135, STRAIGHT,
        "K x.....x.x....... S ....x.......x... H x.o.x.o.x.o.x.o. tamb ....o.......o...",
        "K x..x..x...x..... C ....x.......x... H xoxoxoxoxoxoxoxo",
        "K x...x...x...x... C ....x.......x... shake oxooxooxooxooxoo",
        "K x.......x..x.... T ....x.......x... H x.o.x.o.x.o.x.o.",
    ),
    "disco": _genre(
        105, 135, STRAIGHT,
        "K x...x...x...x... S ....x.......x... O ..x...x...x...x. H x...x...x...x...",
        "K x...x...x...x... C ....x.......x... H xoxoxoxoxoxoxoxo bell x...x...x...x...",
    ),
    "house": _genre(
        112, 150, (0.5, 0.55),
        "K x...x...x...x... O ..x...x...x...x.",
        "K x...x...x...x... C ....x.......x... O ..x...x...x...x. shake oooooooooooooooo",
        "K x...x...x...x... C ....x.......x... H ..x...x...x..ox. ch ...o..o....o..o.",
        "K x...x...x...x..o H oxoxoxoxoxoxoxox R ..x...x...x...x.",
        "K x...x...x...x... S ............x... T ...o..o.o..o..o.",
    ),
    "hiphop": _genre(
        68, 112, (0.5, 0.58, 0.62),
        "K x......x..x..... S ....x.......x... H x.x.x.x.x.x.x.x.",
        "K x..x......xx.... S ....x.......x... H xoxoxoxoxoxoxoxo",
        "K x.x....x..x....x C ....x.......x... H x.o.x.o.x.o.xoo.",
        "K x.....x...x..x.. S ....x..o.o..x... H x.x.x.x.x.x.x.x.",
    ),
    "halftime": _genre(
        80, 170, (0.5, 0.6),
        "K x............... S ........x....... H x.o.x.o.x.o.x.o.",
        "K x.....x......... S ........x....... H x.x.x.x.x.x.x.x.",
        "K x.........x...x. C ........x....... H x.x.xxx.x.x.x.xx",
        "K x..x.........x.. C ........x....... H x.x.x.x.xoxox.x.",
        "K x.....x.......x. S ........x....... O x...x...x...x...",
    ),
    "funk": _genre(
        90, 125, (0.5, 0.55),
        "K x.x....o..x..x.. S ....x..o.o..x..o H x.xxx.x.x.xxx.x.",
        "K x..x..x...x..... S ....x..o.o.ox... H xoxoxoxoxoxoxoxo",
    ),
    "drum and bass": _genre(
        155, 182, STRAIGHT,
        "K x.........x..... S ....x.......x... H x.x.x.x.x.x.x.x.",
        "K x.x.......x..... S ....x..o.o..x... R x.x.x.x.x.x.x.x.",
    ),
    "reggae": _genre(
        62, 100, (0.5, 0.6),
        "K ........x....... T ........x....... H x.o.x.o.x.o.x.o.",
        "K x...x...x...x... T ........x....... H x.x.x.x.x.x.x.x.",
        "K x.......x....... S ....x.......x... H ..x...x...x...x.",
    ),
    "country": _genre(
        75, 175, (0.5, 0.6),
        "K x.......x....... S ..o.x.o...o.x.o.",
        "K x.......x....... S ooxoooxoooxoooxo",
        "K x.......x....... T ....x.......x... H ..x...x...x...x.",
    ),
    "polka": _genre(
        95, 140, STRAIGHT,
        "K x.......x....... S ....x.......x...",
        "K x...x...x...x... S ..x...x...x...x.",
        "K x.......x....... S ....x..o....xooo X x.......x.......",
    ),
    "march": _genre(
        90, 130, STRAIGHT, "B x.......x....... S x..ox.o.x..ox.oo", "B x...x...x...x... S ..oox.oo..oox.oo"
    ),
    "cha-cha": _genre(
        105, 132, STRAIGHT,
        "co x.o.x.o.x.o..... cl ............x.x. bell x...x...x...x... H ..o...o...o...o.",
        "co x.o.x.o.x.o..... cl ............x.x. shake x.o.x.o.x.o.x.o. hi x...x...x...x.x.",
    ),
    "rumba": _genre(
        85, 120, STRAIGHT,
        "clave x..x..x...x.x... cl ......x.......x. shake oxooxooxooxooxoo K x.......x.......",
        "hi x..x..x.x..x..x. cl ......xx......xx shake x.o.x.o.x.o.x.o. K x.....x.x.....x.",
    ),
    "salsa": _genre(
        80, 115, STRAIGHT,
        "clave x..x..x...x.x... bell x.oox.oox.oox.oo cl ......xx......xx K ...x..x....x..x.",
        "clave ..x.x...x..x..x. timb x.x.xxxxx.x.xxxx cl ......xx......xx",
    ),
    "tango": _genre(
        105, 135, STRAIGHT, "S x.....o.x...x... K x.......x.......", "S x...x...x...x.ox K x.....x.x...x...", ""
    ),
    "bossa": _genre(
        100, 150, STRAIGHT,
        "K x.....xx......x. T x.....x.....x... H x.x.x.x.x.x.x.x.",
        "K x..xx..xx..xx..x shake xooxxooxxooxxoox tamb x..x..x...x..x..",
    ),
    "swing": _genre(
        95, 205, SWUNG,
        "R x...x.o.x...x.o. P ....x.......x...",
        "R x...x.o.x...x.o. P ....x.......x... K o...o...o...o... S ......o.........",
        "K x.......x....... S ....x.......x... H x.o.x.o.x.o.x.o.",
    ),
    "twelve-eight": _genre(
        50, 110, STRAIGHT,
        "K x.....x..... S ...x.....x.. H xooxooxooxoo",
        "K x....ox..... S ...x.....x.. R xooxooxooxoo",
        "K x.....x..x.. S ......x..... H xooxooxooxoo",
    ),
    "clicks": _genre(
        50, 205, STRAIGHT, "hi x............... lo ....x...x...x...", "hi x...o...o...o...", "H x...x...x...x..."
    ),
    "no drums": _genre(55, 160, (0.5, 0.62), ""),
}  # fmt: skip

THREES = {
    "waltz": _genre(
        78, 205, STRAIGHT,
        "K x........... S ....o...o...",
        "K x........... H ....x...x...",
        "K x........... T ....x...x... H x...x...x...",
        "K x........... S ....x...x... H x.o.x.o.x.o.",
        "K x........... R x...x...x... S ........o...",
        "K x.......o... S ....x....... H x.x.x.x.x.x.",
        "tri x........... S ....o...o... B x...........",
    ),
    "jazz waltz": _genre(
        95, 190, SWUNG, "R x...x.o.x... P ....x.......", "R x...x.o.x.o. P ....x...x... K x.....o....."
    ),
    "pop in three": _genre(
        75, 170, STRAIGHT,
        "K x.......x... S ....x....... H x.o.x.o.x.o.",
        "K x.......o... S ....x...x... H x.o.x.o.x.o.",
        "K x........... S ........x... H x.o.x.o.x.o.",
        "K x.....x..... C ........x... shake xoxoxoxoxoxo",
    ),
    "clicks": _genre(60, 200, STRAIGHT, "hi x........... lo ....x...x...", "hi x...o...o..."),
    "no drums": _genre(60, 180, (0.5, 0.6), ""),
}  # fmt: skip
