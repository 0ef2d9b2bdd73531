import contextlib
import os
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from bench.__main__ import main
from bench.chart import draw, plain
from bench.engine import Engine
from bench.measure import Line, Measurement, Sample, measure
from bench.saved import Run, read, save
from bench.table import Result
from wherry.base.errors import InvalidParameter, System

ENGINES = [Engine("wherry", "/w"), Engine("docker", "/d")]
LIFE = Result("life <1>", "ms", {"wherry": [40.0, 50.0, 60.0], "docker": [100.0]})
MANY = Result("many", "per second, more is better", {"wherry": [20.0], "docker": [1000.0]}, more_is_better=True)
NOTHING = Result("nothing", "ms", {"wherry": [1.0], "docker": [0.0]})
RUN = Run(["Linux 6, 2 CPUs"], [LIFE, MANY, NOTHING])


def test_one_sample_fills_every_line_and_the_warm_up_none() -> None:
    taken: list[str] = []

    @contextlib.contextmanager
    def opened(engine: Engine) -> Iterator[Sample]:
        def sample() -> tuple[float, float]:
            taken.append(engine.name)
            return float(len(taken)), 7.0

        yield sample

    what = Measurement((Line("a"), Line("b", "per second", more_is_better=True)), opened, share=10)
    first, second = measure(what, ENGINES, 20, Event())
    assert first == Result("a", "ms", {"wherry": [3.0, 6.0], "docker": [4.0, 5.0]})
    assert second == Result("b", "per second", {"wherry": [7.0, 7.0], "docker": [7.0, 7.0]}, more_is_better=True)


def test_a_saved_run_is_the_run(tmp_path: Path) -> None:
    save(tmp_path / "run", RUN)
    assert read(tmp_path / "run") == RUN


@pytest.mark.parametrize("text", ["", "[]", '{"head": [], "results": [{"title": "x"}]}'])
def test_what_is_no_saved_run_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "run").write_text(text)
    with pytest.raises(InvalidParameter, match="is no saved run"):
        read(tmp_path / "run")
    with pytest.raises(InvalidParameter, match="is no saved run"):
        read(tmp_path / "missing")


def test_a_run_that_cannot_be_written_is_told() -> None:
    with pytest.raises(System, match="write /proc/no/run"):
        save(Path("/proc/no/run"), RUN)


def test_a_drawing_has_a_bar_for_each_ratio_and_its_figure() -> None:
    text = draw(RUN.results, RUN.head)
    root = ElementTree.fromstring(text)
    tags = [element.tag.rpartition("}")[2] for element in root]
    words = [element.text for element in root if element.tag.endswith("text")]
    assert tags.count("rect") == 1 + 2, "the legend's, and one bar for each work that has a ratio"
    assert tags.count("line") == 2
    assert {"wherry", "life <1>", "0.50", "100 ms", "many", "0.02", "1,000 per second", "Linux 6, 2 CPUs"} <= {*words}
    assert "nothing" not in words
    widths = [float(element.attrib["width"]) for element in root if element.tag.endswith("rect")]
    assert widths[1] == pytest.approx(185, abs=0.1), "half of the way to the line"


def test_figures_have_as_many_places_as_mean_something() -> None:
    assert [plain(value) for value in (4.94, 99.96, 170.7, 46802.7)] == ["4.9", "100.0", "171", "46,803"]


def test_saved_runs_are_shown_and_drawn_as_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two, drawn = tmp_path / "1", tmp_path / "2", tmp_path / "svg"
    save(one, Run(["head"], [LIFE]))
    save(two, Run([], [MANY]))
    assert main(["--saved", f"{one},{two}", "--svg", str(drawn)]) == 0
    assert "life <1>" in capsys.readouterr().out
    assert drawn.read_text() == draw([LIFE, MANY], ["head"])
    assert main(["--saved", os.devnull]) == 1
