"""Batches are a pure function of (seed, step): threads, restarts, shards and the cache change nothing."""
import itertools

import numpy as np
import pytest
from PIL import Image

from dynjax.data.picture_cache import PictureCache
from dynjax.data.picture_source import PictureSource, open_folder
from dynjax.data.pipeline import evaluation_images, symmetry, training_batches
from dynjax.data.sources import open_source
from dynjax.files.pictures import PictureError

PATCH = 8


def marked(index, height, width):
    """A picture whose every pixel tells where it lies: red is the picture, green the row, blue the column."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([np.full_like(rows, index), rows, columns], -1).astype(np.uint8)


PICTURES = [marked(index, 12 + index, 20 - index) for index in range(7)]


def batches(count, source=PICTURES, **options):
    options = dict(batch_size=6, patch_size=PATCH, seed=0, threads=0) | options
    iterator = training_batches(source, **options)
    result = np.stack(list(itertools.islice(iterator, count)))
    iterator.close()
    return result


def test_a_crop_is_a_piece_of_its_picture():
    result = batches(20, flips=False)
    assert result.dtype == np.uint8
    assert result.shape == (20, 6, PATCH, PATCH, 3)
    corners = set()
    for crop in result.reshape(-1, PATCH, PATCH, 3):
        index, top, left = crop[0, 0]
        np.testing.assert_array_equal(crop, PICTURES[index][top:top + PATCH, left:left + PATCH])
        corners.add((int(top), int(left)))
    tops, lefts = zip(*corners, strict=True)
    assert (min(tops), max(tops), min(lefts), max(lefts)) == (0, 10, 0, 12)   # 18 - 8 rows, 20 - 8 columns: all are hit


def test_a_crop_without_contrast_is_drawn_anew():
    night = np.full((64, 64, 3), 3, np.uint8)
    night[20:44, 20:44] = marked(0, 24, 24) * 9   # a third of the places show some of it
    crops = batches(20, [night], scales=(1.0, 0.5)).reshape(-1, PATCH, PATCH, 3)
    assert min(crop.std((0, 1)).max() for crop in crops) >= 1
    assert (batches(2, [np.full((16, 16, 3), 7, np.uint8)]) == 7).all()   # a picture that has none comes as it is


def test_batches_own_their_memory():
    iterator = training_batches(PICTURES, batch_size=2, patch_size=PATCH, seed=0, threads=0)
    batch = next(iterator)
    assert batch.flags.c_contiguous
    batch[:] = 0
    np.testing.assert_array_equal(np.stack([next(iterator)]), batches(2, batch_size=2)[1:])
    assert PICTURES[1].max() > 0


OPTIONS = dict(scales=(1.0, 0.7), permute_channels=True, crops_per_image=2)


@pytest.mark.parametrize("change", [{"threads": 1}, {"threads": 4}, {"cache": False}, {"cache": True}])
def test_threads_and_cache_change_nothing(change):
    np.testing.assert_array_equal(batches(12, **OPTIONS, **change), batches(12, **OPTIONS))


@pytest.mark.parametrize("threads", [0, 3])
def test_a_restart_repeats_exactly(threads):
    whole = batches(12, **OPTIONS)
    np.testing.assert_array_equal(batches(5, start_step=7, threads=threads, **OPTIONS), whole[7:])
    assert len(np.unique(whole.reshape(12, -1), axis=0)) == 12   # no batch comes twice
    far = 3_000_000_000
    np.testing.assert_array_equal(batches(2, start_step=far)[1], batches(1, start_step=far + 1)[0])


@pytest.mark.parametrize("count", [2, 3, 6])
def test_shards_are_slices_of_the_same_batch(count):
    parts = [batches(4, shard=(index, count), **OPTIONS) for index in range(count)]
    assert parts[0].shape[1] == 6 // count
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), batches(4, **OPTIONS))


def test_the_state_is_the_step():
    iterator = training_batches(PICTURES, batch_size=2, patch_size=PATCH, seed=0, threads=2, start_step=5)
    assert iterator.step == 5
    next(iterator)
    assert iterator.step == 6
    resumed = training_batches(PICTURES, batch_size=2, patch_size=PATCH, seed=0, start_step=iterator.step)
    np.testing.assert_array_equal(next(iterator), next(resumed))


def test_seeds_differ():
    assert (batches(3, seed=0) != batches(3, seed=1)).any()


def test_each_epoch_visits_every_picture_once_in_an_order_of_its_own():
    visits = batches(7, batch_size=3)[..., 0].max(axis=(2, 3)).ravel().reshape(3, 7)   # 21 examples of 7 pictures
    np.testing.assert_array_equal(np.sort(visits, axis=1), np.tile(np.arange(7), (3, 1)))
    assert len({tuple(epoch) for epoch in visits}) == 3


def test_crops_of_one_picture_are_neighbours():
    visits = batches(7, batch_size=6, crops_per_image=3)[..., 0].max(axis=(2, 3)).reshape(14, 3)
    assert (visits == visits[:, :1]).all()
    assert sorted(visits[:7, 0]) == list(range(7))


class Counting(PictureSource):
    """The marked pictures, and how often each was decoded."""

    def __init__(self):
        super().__init__("counting", map(str, range(7)))
        self.reads = []

    def read(self, index):
        self.reads.append(index)
        return PICTURES[index]


@pytest.mark.parametrize("word, same", [("True", True), ("all", True), ("False", False), ("none", False),
                                        ("Auto", "auto")])
def test_cache_may_be_a_word_from_a_command_line(word, same):
    limits = [training_batches(PICTURES, batch_size=1, patch_size=PATCH, seed=0, threads=0, cache=cache)
              .crops.pictures.limit for cache in (word, same)]
    assert limits[0] == limits[1]


def test_cache_and_shared_pictures_save_decoding():
    kept, shared, none = Counting(), Counting(), Counting()
    batches(14, source=kept, scales=(1.0, 0.7))
    assert sorted(kept.reads) == list(range(7))
    batches(14, source=shared, cache=False, crops_per_image=3)   # 84 examples, 28 groups
    assert len(shared.reads) <= 28 + 1
    batches(14, source=none, cache=False)
    assert len(none.reads) > 70   # one an example, but for successive ones that fall on the same picture


def test_all_eight_symmetries_and_nothing_else():
    crop = marked(0, 3, 3)
    views = {symmetry(crop, which).tobytes() for which in range(8)}
    turned = [np.rot90(side, turns) for side in (crop, crop[::-1]) for turns in range(4)]
    assert views == {view.tobytes() for view in turned}
    assert len(views) == 8
    np.testing.assert_array_equal(symmetry(crop, 0), crop)


def test_crops_are_drawn_in_all_eight_symmetries():
    seen = set()
    for crop in batches(20).reshape(-1, PATCH, PATCH, 3).astype(int):
        down, right = crop[1, 0] - crop[0, 0], crop[0, 1] - crop[0, 0]
        seen.add((*down[1:], *right[1:]))
    assert len(seen) == 8


def test_channels_are_drawn_in_all_six_orders():
    flat = [np.broadcast_to(np.array([10, 20, 30], np.uint8), (9, 9, 3))]
    assert {tuple(crop[0, 0]) for crop in batches(10, source=flat).reshape(-1, PATCH, PATCH, 3)} == {(10, 20, 30)}
    permuted = batches(10, source=flat, permute_channels=True).reshape(-1, PATCH, PATCH, 3)
    assert {tuple(crop[0, 0]) for crop in permuted} == set(itertools.permutations((10, 20, 30)))


def test_scales_reduce_the_whole_picture_antialiased():
    picture = np.random.default_rng(0).integers(0, 256, (16, 24, 3), dtype=np.uint8)
    half = np.asarray(Image.fromarray(picture).resize((12, 8), Image.Resampling.BICUBIC))
    result = batches(10, source=[picture], flips=False, scales=(0.5,)).reshape(-1, PATCH, PATCH, 3)
    wanted = {half[:, left:left + 8].tobytes() for left in range(5)}
    assert {crop.tobytes() for crop in result} == wanted
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[::2] = 255
    reduced = batches(1, source=[stripes], scales=(0.5,), flips=False)[0][:, 2:-2].astype(int)
    assert abs(reduced - 127).max() < 20   # without antialiasing it would be black or white


def test_scales_too_small_for_the_patch_are_not_drawn():
    whole = batches(5, source=PICTURES[:1], flips=False)   # 12 x 20: half of it has 6 rows
    np.testing.assert_array_equal(batches(5, source=PICTURES[:1], flips=False, scales=(1.0, 0.5)), whole)
    np.testing.assert_array_equal(batches(5, source=PICTURES[:1], flips=False, scales=(0.5,)), whole)
    both = batches(30, source=[marked(0, 32, 32)], flips=False, scales=(1.0, 0.5))
    steps = both[..., 4, 0, 1].astype(int) - both[..., 3, 0, 1]
    assert set(np.unique(steps)) == {1, 2}   # the rows of a picture of half the size advance by two


@pytest.fixture
def mixed_folder(tmp_path):
    """Good, damaged, too small, good."""
    for name, picture in zip("abcd", (marked(1, 20, 20), marked(2, 20, 20), marked(3, 6, 20), marked(4, 20, 20)),
                             strict=True):
        Image.fromarray(picture).save(tmp_path / f"{name}.png")
    (tmp_path / "b.png").write_bytes((tmp_path / "b.png").read_bytes()[:60])
    return tmp_path


@pytest.mark.parametrize("threads", [0, 4])
def test_unusable_pictures_are_replaced_named_once_and_counted(mixed_folder, caplog, threads):
    source = open_folder(mixed_folder)
    iterator = training_batches(source, batch_size=6, patch_size=PATCH, seed=0, threads=threads)
    result = np.stack(list(itertools.islice(iterator, 8)))
    iterator.close()
    messages = [record.getMessage() for record in caplog.records if record.name == "dynjax.data"]
    np.testing.assert_array_equal(result, batches(8, source=open_folder(mixed_folder)))
    assert set(np.unique(result[..., 0])) == {1, 4}
    # per epoch of four, b and c are both replaced by d: one in four is a
    assert (result[..., 0, 0, 0] == 4).sum() == 36
    assert (iterator.skipped, source.skipped) == (2, 1)
    damaged, small = sorted(messages)
    assert "b.png cannot be read" in damaged
    assert "picture c is 6 x 20 pixels (height x width), smaller than the patch of 8 x 8; lower patch_size" in small


def test_no_usable_picture_is_said_at_once(tmp_path):
    with pytest.raises(ValueError, match=r"none of the 7 pictures .*large enough: the best, picture 4 is 16 x 16 pixels"
                                         r".*patch of 17 x 17; lower patch_size"):
        training_batches(PICTURES, batch_size=2, patch_size=17, seed=0)
    (tmp_path / "a.png").write_bytes(b"no")
    for use in (lambda source: training_batches(source, batch_size=2, patch_size=8, seed=0),
                lambda source: list(evaluation_images(source))):
        with pytest.raises(PictureError, match=r"none of the 1 pictures of folder:.* can be read"):
            use(open_folder(tmp_path))
    with pytest.raises(ValueError, match="holds no pictures"):
        training_batches([], batch_size=2, patch_size=8, seed=0)


@pytest.mark.parametrize("options, words", [
    ({"batch_size": 0}, "batch_size=0; wanted an integer of at least 1"),
    ({"patch_size": 8.5}, r"patch_size=8\.5"),
    ({"seed": -1}, "seed=-1; wanted an integer of at least 0"),
    ({"crops_per_image": 0}, "crops_per_image=0"),
    ({"start_step": -1}, "start_step=-1"),
    ({"scales": ()}, r"scales=\(\)"),
    ({"scales": (1.5,)}, r"scales=\(1\.5,\); wanted factors above 0 and up to 1"),
    ({"shard": (0, 4)}, r"batch_size=6 and shard=\(0, 4\); .*a multiple of count"),
    ({"shard": (2, 2)}, "index < count"),
    ({"cache": "some"}, r"cache='some'; wanted 'auto', True \('all'\) or False \('none'\)"),
    ({"cache": [1]}, r"cache=\[1\]; wanted"),
])
def test_options_out_of_range(options, words):
    with pytest.raises(ValueError, match=words):
        batches(1, **options)


def test_an_array_that_is_no_picture_is_named():
    with pytest.raises(ValueError, match=r"picture 0 is float64 \(9, 9, 3\); wanted uint8"):
        batches(1, source=[np.zeros((9, 9, 3))])


def test_evaluation_images_come_whole_once_and_in_order(mixed_folder, caplog):
    found = list(evaluation_images(open_folder(mixed_folder)))
    assert [name for name, _ in found] == ["a", "c", "d"]   # the damaged b is left out, not replaced
    for (_, image), picture in zip(found, (marked(1, 20, 20), marked(3, 6, 20), marked(4, 20, 20)), strict=True):
        assert image.dtype == np.float32
        np.testing.assert_array_equal(image, picture / np.float32(255))
    assert "b.png" in caplog.text


def test_evaluation_images_name_what_could_not_be_read(mixed_folder):
    images = evaluation_images(open_folder(mixed_folder))
    assert next(images)[0] == "a" and images.left_out == []
    assert len(list(images)) == 2 and images.left_out == ["b"]


def test_a_picture_found_too_small_by_two_threads_is_named_once(caplog):
    pictures = PictureCache([marked(0, 6, 6), marked(1, 9, 9)], smallest=8, limit=0)
    assert pictures.load(0) is pictures.load(0) is None
    assert (len(caplog.records), pictures.usable(0)) == (1, 1)


def test_the_middle_of_each_picture():
    result = batches(7, flips=False, crop="centre", batch_size=3).reshape(-1, PATCH, PATCH, 3)
    for crop in result:
        index = crop[0, 0, 0]
        height, width = PICTURES[index].shape[:2]
        assert crop[0, 0, 1] == round((height - PATCH) / 2) and crop[0, 0, 2] == round((width - PATCH) / 2)
    assert set(result[:, 0, 0, 0]) == set(range(7))
    flipped = batches(7, crop="centre", batch_size=3).reshape(-1, PATCH, PATCH, 3)
    pixels = [np.sort(crops.reshape(21, -1, 3), axis=1) for crops in (flipped, result)]
    np.testing.assert_array_equal(*pixels)


@pytest.mark.parametrize("threads", [0, 2])
def test_style_transfer_as_published(tmp_path, threads):
    """The shorter side to the patch, bilinear, then the middle: from a zip laid out as train2014.zip of COCO is."""
    import zipfile
    pictures = np.random.default_rng(0).integers(0, 256, (3, 30, 50, 3), dtype=np.uint8)
    with zipfile.ZipFile(tmp_path / "train2014.zip", "w") as archive:
        archive.mkdir("train2014")
        for index, picture in enumerate(pictures):
            picture = picture.swapaxes(0, 1) if index == 1 else picture
            with archive.open(f"train2014/COCO_train2014_{index:012d}.png", "w") as file:
                Image.fromarray(picture).save(file, "PNG")
    source = open_source(f"zip:{tmp_path}/train2014.zip")
    assert source.names[1] == "COCO_train2014_000000000001"
    result = batches(1, source=source, patch_size=16, shorter_side=16, crop="centre", flips=False, batch_size=3,
                     threads=threads)[0]
    wanted = set()
    for index, picture in enumerate(pictures):
        wide = np.asarray(Image.fromarray(picture).resize((26, 16), Image.BILINEAR))[:, 5:21]   # 16 * 50 / 30 = 26.7
        tall = np.asarray(Image.fromarray(picture.swapaxes(0, 1)).resize((16, 26), Image.BILINEAR))[5:21]
        wanted.add((tall if index == 1 else wide).tobytes())
    assert {crop.tobytes() for crop in result} == wanted


def test_small_pictures_are_enlarged_to_the_shorter_side(caplog):
    assert batches(1, source=[marked(5, 4, 6)], shorter_side=PATCH, flips=False)[0].shape == (6, PATCH, PATCH, 3)
    assert not caplog.records


@pytest.mark.parametrize("options", [{}, {"crop": "centre"}, {"shorter_side": 10}, {"threads": 2}])
def test_a_folder_with_one_picture_is_enough(tmp_path, options):
    Image.fromarray(marked(3, 20, 30)).save(tmp_path / "only.png")
    result = batches(3, source=open_folder(tmp_path), **options)
    assert result.shape == (3, 6, PATCH, PATCH, 3)
    assert (result[..., 0] == 3).all()
    assert len(np.unique(result.reshape(18, -1), axis=0)) > 4   # crops or, of the middle, views of them


@pytest.mark.parametrize("options, words", [
    ({"crop": "center"}, "crop='center'; wanted 'random' or 'centre'"),
    ({"shorter_side": -3}, "-3 is no number of pixels"),
    ({"shorter_side": 6}, "none of the 7 pictures .*smaller than the patch of 8 x 8"),
])
def test_crop_and_shorter_side_out_of_range(options, words):
    with pytest.raises(ValueError, match=words):
        batches(1, **options)
