"""The log of a run that goes on: earlier rows are kept, unfinished ones dropped, damage is never the end of the run."""
from pathlib import Path

import pytest

from dynjax.training.logs import Log


def went_on(folder, step=2):
    """log.csv after a run went on from a step and wrote one more row."""
    log = Log(folder, ["loss"], step=step)
    log.add({"loss": 0.5})
    log.write(step + 1)
    log.close()
    return (folder / "log.csv").read_text().splitlines()


@pytest.mark.parametrize("end", ["", "3,0.7\n", "2", "2,0.", "ab", "ab\n", "²,1\n", "2,1,5\n"])
def test_what_is_not_a_row_of_before_is_dropped(tmp_path, end):
    (tmp_path / "log.csv").write_text("step,loss\n1,0.9\n" + end)
    assert went_on(tmp_path) == ["step,loss", "1,0.9", "3,0.5"]


def test_a_column_that_is_new_is_empty_before(tmp_path):
    (tmp_path / "log.csv").write_text("step,old\n1,0.9\n")
    assert went_on(tmp_path) == ["step,loss", "1,", "3,0.5"]


@pytest.mark.parametrize("content", [
    b"1,0.9\n2,0.8\n", b"step,loss\n1,\xff\n", b"step,loss\n1," + bytes(2**18) + b"\n",
], ids=["headless", "not UTF-8", "zeros"])
def test_a_damaged_log_is_moved_aside(tmp_path, content, caplog):
    (tmp_path / "log.csv").write_bytes(content)
    assert went_on(tmp_path) == ["step,loss", "3,0.5"]
    assert (tmp_path / "log.csv.damaged").read_bytes() == content and "moved to log.csv.damaged" in caplog.text
    (tmp_path / "log.csv").write_bytes(content)
    went_on(tmp_path)
    assert (tmp_path / "log.csv.damaged").read_bytes() == (tmp_path / "log.csv.damaged-2").read_bytes() == content


def test_a_row_is_the_mean_of_the_steps_since_the_last_one(tmp_path):
    log = Log(tmp_path, ["critic", "loss"], step=0)
    for values in ({"loss": 1.0}, {"loss": 2.0, "critic": 5.0}):
        log.add(values)
    log.write(2)
    log.write(2)   # nothing new
    log.add({"loss": 7.0})
    log.write(3)
    log.close()
    assert (tmp_path / "log.csv").read_text().splitlines() == ["step,critic,loss", "2,5,1.5", "3,,7"]


def test_a_log_deleted_while_training_begins_with_its_columns_again(tmp_path):
    log = Log(tmp_path, ["loss"], step=0)
    (tmp_path / "log.csv").unlink()
    log.add({"loss": 0.5})
    log.write(1)
    log.close()
    assert (tmp_path / "log.csv").read_text().splitlines() == ["step,loss", "1,0.5"]


@pytest.mark.parametrize("name", ["gs:", "s3:", "run[x4]", "a*b"])
def test_a_folder_may_have_any_name(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    Path(name).mkdir()
    log = Log(Path(name), ["loss"], step=0)
    log.add({"loss": 0.5})
    log.write(1)
    log.close()
    assert (tmp_path / name / "log.csv").read_text() == "step,loss\n1,0.5\n"
    assert [path.stat().st_size > 0 for path in (tmp_path / name / "events").iterdir()] == [True]
