"""A folder of a thousand pictures of which one is damaged: training and evaluation go on, name it once and count it."""
import itertools
import logging

import numpy as np
import pytest
from PIL import Image
from test_train import config, pictures  # noqa: F401  (fixtures)

from dynjax.data import evaluation_images, open_source, training_batches
from dynjax.training import train


@pytest.fixture(scope="module")
def thousand(tmp_path_factory):
    """One picture under a thousand names, and 0000.png, cut short: the first of the folder."""
    folder = tmp_path_factory.mktemp("thousand")
    picture = np.random.default_rng(0).integers(0, 256, (48, 48, 3), np.uint8)
    Image.fromarray(picture).save(folder / "0001.png")
    for index in range(2, 1001):
        (folder / f"{index:04}.png").hardlink_to(folder / "0001.png")
    (folder / "0000.png").write_bytes((folder / "0001.png").read_bytes()[:2000])
    return folder


def warnings_in(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_training_batches_go_on(thousand, caplog):
    source = open_source(f"folder:{thousand}")
    batches = training_batches(source, batch_size=143, patch_size=16, seed=0, cache="none", threads=4)
    for batch in itertools.islice(batches, 7):   # an epoch of 1,001
        assert batch.shape == (143, 16, 16, 3)
    batches.close()
    assert (batches.skipped, source.skipped) == (1, 1)
    message, = warnings_in(caplog)
    assert message.startswith(f"left out: {thousand}/0000.png cannot be read as a picture")


@pytest.mark.parametrize("became", ["gone", "smaller", "too small"])
def test_a_picture_that_changes_while_training_is_passed_over_or_read_anew(tmp_path, became):
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    for name in "ab":
        Image.fromarray(picture).save(tmp_path / f"{name}.png")
    batches = training_batches(open_source(f"folder:{tmp_path}"), batch_size=4, patch_size=16, seed=0, cache="none",
                               scales=(1.0, 0.3))
    assert next(batches).shape == (4, 16, 16, 3)
    if became == "gone":
        (tmp_path / "a.png").unlink()
    else:
        Image.fromarray(picture[:40, :40] if became == "smaller" else picture[:8, :8]).save(tmp_path / "new", "png")
        (tmp_path / "new").replace(tmp_path / "a.png")
    for batch in itertools.islice(batches, 12):   # read ahead of what is asked for
        assert batch.shape == (4, 16, 16, 3)
    batches.close()
    assert batches.skipped == (became != "smaller")


def test_evaluation_goes_on(thousand, caplog):
    images = evaluation_images(open_source(f"folder:{thousand}"))
    names = [name for name, _ in images]
    assert len(names) == 1000 and images.left_out == ["0000"]
    message, = warnings_in(caplog)
    assert "0000.png cannot be read" in message


@pytest.mark.slow
def test_a_run_tells_what_it_left_out(thousand, config, tmp_path, caplog, capsys):  # noqa: F811
    config.data.update(source=f"folder:{thousand}", patch_size=16)
    assert train(config, tmp_path / "run") == 0
    assert "Pictures left out: 1; the warnings above name them." in capsys.readouterr().out
    assert len(warnings_in(caplog)) == 1
