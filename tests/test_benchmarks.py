"""What the benchmarks share: the order and median of their timing, their table, the list of parts."""
from pathlib import Path

from benchmarks.__main__ import PARTS
from benchmarks.timing import in_turns, table

FOLDER = Path(__file__).resolve().parent.parent / "benchmarks"


def test_everything_takes_turns_and_the_median_counts():
    time, order = [0.0], []
    lengths = {"a": iter([9, 1, 2, 6]), "b": iter([9, 5, 5, 50])}   # the first call compiles and is not counted

    def call(name):
        order.append(name)
        time[0] += next(lengths[name])

    functions = {name: lambda name=name: call(name) for name in lengths}
    assert in_turns(functions, 3, clock=lambda: time[0]) == {"a": 2, "b": 5}
    assert order == ["a", "b"] * 4


def test_a_table_in_markdown(capsys):
    table(["case", "ratio"], [["one", 1.5]])
    assert capsys.readouterr().out == "| case | ratio |\n| --- | ---: |\n| one | 1.5 |\n"


def test_every_part_is_in_the_one_command():
    helpers = {"__init__", "__main__", "timing", "torch_networks"}
    assert set(PARTS) == {path.stem for path in FOLDER.glob("*.py")} - helpers
