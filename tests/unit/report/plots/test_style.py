"""One look for a name in all reports, distinct for everybody; equal pictures are equal bytes."""

import math
import subprocess
import sys
from itertools import combinations
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest

from alframe.config.validate import conf_directory
from alframe.core.errors import UserError
from alframe.report.document import Picture
from alframe.report.plots.style import (
    COLOURS,
    GREY_LOOK,
    KNOWN,
    MARKERS,
    Look,
    figure,
    in_style,
    looks,
    picture,
)

# Machado, Oliveira and Fernandes, A physiologically-based model for simulation of color vision deficiency,
# IEEE TVCG 2009: severity 1, on linear RGB.
SEEN_BY = {
    "everybody": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
}


def linear(colour: str) -> np.ndarray:
    coded = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)]) / 255
    return np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)


def cielab(rgb: np.ndarray) -> np.ndarray:
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = to_xyz @ rgb.clip(0, 1) / [0.95047, 1.0, 1.08883]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("who", SEEN_BY)
def test_colours_are_distinct_for(who: str) -> None:
    seen = [cielab(np.array(SEEN_BY[who]) @ linear(colour)) for colour in COLOURS]
    # A difference of 2.3 is just noticeable; matplotlib's own default colours come to 3.5 for deuteranopia.
    assert min(math.dist(one, other) for one, other in combinations(seen, 2)) > 15


@pytest.mark.parametrize("colour", COLOURS)
def test_colours_have_contrast_to_white(colour: str) -> None:
    luminance = linear(colour) @ [0.2126, 0.7152, 0.0722]
    assert 1.05 / (luminance + 0.05) >= 3  # WCAG 2.1, success criterion 1.4.11


def test_no_two_names_share_a_marker() -> None:
    for names in (KNOWN[: len(MARKERS)], KNOWN[::4], [f"method {k}" for k in range(len(MARKERS))]):
        assert len({look.marker for look in looks(names).values()}) == len(names)


def test_names_beyond_the_markers_are_grey() -> None:
    found = looks([f"method {k}" for k in range(len(MARKERS) + 5)])
    assert sum(look == GREY_LOOK for look in found.values()) == 5


def test_each_option_of_the_package_has_a_distinct_fixed_look() -> None:
    conf = conf_directory()
    shipped = {
        file.stem
        for group in ("query", "auto_label", "sweep/policy")
        for file in (conf / group).glob("*.yaml")
    }
    assert shipped <= set(KNOWN), "new names go to the end of style.KNOWN"
    assert len(set(KNOWN)) == len(KNOWN)
    # Published reports show these looks: a change makes new reports contradict old ones.
    alone = {name: looks([name])[name] for name in KNOWN}
    assert alone["random"] == Look(colour="#1A1A1A", marker="o", dash="-")
    assert alone["margin"] == Look(colour="#CB8400", marker="s", dash="--")
    assert alone["no_query"] == Look(colour="#0A4F8F", marker="^", dash="--")
    assert looks([*KNOWN[:7], "aaa", "zzz"]).items() >= {name: alone[name] for name in KNOWN[:7]}.items()


def test_other_names_keep_their_look_unless_it_is_taken() -> None:
    alone = looks(["mine"])["mine"]
    assert looks(["random", "mine"])["mine"] == alone
    assert looks(["margin", "mine", "random"])["mine"].marker != looks(["margin"])["margin"].marker
    crowded = looks(["random", "margin", *(f"name {k}" for k in range(9))])
    assert looks([*reversed(list(crowded))]) == crowded
    assert len({look.colour for look in looks([f"name {k}" for k in range(7)]).values()}) == 7


def draw(label: str = "<a & b>") -> Picture:
    with in_style():
        drawn = figure(3.0, 2.0)
        axes = drawn.subplots()
        axes.plot([1, 2], [3, 4], label=label)
        axes.legend()
        return picture(drawn, name="n", title="t", description="d")


def test_a_picture_is_the_same_bytes_whatever_the_user_s_settings() -> None:
    first = draw()
    with matplotlib.rc_context({"axes.facecolor": "black", "font.size": 30, "svg.fonttype": "path"}):
        before = dict(matplotlib.rcParams)
        second = draw()
        assert dict(matplotlib.rcParams) == before
    assert (first.svg, first.png) == (second.svg, second.png)


def test_a_picture_is_xml_with_text_and_a_png() -> None:
    drawn = draw()
    root = ElementTree.fromstring(drawn.svg)
    assert root.get("viewBox") == "0 0 216 144"
    assert "<a & b>" in {node.text for node in root.iter("{http://www.w3.org/2000/svg}text")}
    assert drawn.png.startswith(b"\x89PNG")


def test_letters_that_the_font_lacks_are_no_warning() -> None:
    assert "数字" in draw("数字").svg


def test_without_matplotlib_the_message_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(UserError, match=r"pip install 'alframe\[report\]'"):
        figure(3.0, 2.0)
    with pytest.raises(UserError, match="matplotlib"), in_style():
        pass


def test_pictures_need_no_pyplot_and_their_modules_no_matplotlib() -> None:
    code = (
        "import sys, alframe.report.trial_sections, alframe.report.output.html\n"
        "import alframe.report.plots.style as style\n"
        "assert 'matplotlib' not in sys.modules\n"
        "style.figure().subplots()\n"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
