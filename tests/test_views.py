"""Views of a source: crops and sizes as published, attributes and splits, each with its sentence when it cannot be."""
import pickle

import numpy as np
import pytest
from PIL import Image

from dynjax.data.picture_source import PictureSource
from dynjax.data.views import centre_crop, reshape, resize_shorter_side, select, take_split
from dynjax.files.pictures import PictureError


def marked(index, height, width):
    """Red is the picture, green the row, blue the column."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([np.full_like(rows, index), rows, columns], -1).astype(np.uint8)


class Described(PictureSource):
    """Six pictures of the size of CelebA's; 2 cannot be read."""
    attribute_names = ("Blond_Hair", "Male", "Smiling")
    attributes = np.array([(1, 1, -1), (1, -1, -1), (-1, 1, -1), (-1, -1, -1), (1, 1, -1), (-1, 1, -1)], np.int8)

    def __init__(self):
        super().__init__("described", [f"{index + 1:06d}" for index in range(6)])

    def read(self, index):
        if index == 2:
            raise PictureError("000003 is damaged")
        return marked(index, 218, 178)


def test_the_published_crops_of_celeba():
    picture = marked(0, 218, 178)
    np.testing.assert_array_equal(centre_crop(picture, 108), picture[55:163, 35:143])   # Dynamic-Net's 108
    np.testing.assert_array_equal(centre_crop(picture, 128), picture[45:173, 25:153])
    source = reshape(Described(), crop="108", size=64)
    assert repr(source) == "described, crop 108, bicubic to 64, 6 pictures"
    wanted = Image.fromarray(np.ascontiguousarray(picture[55:163, 35:143])).resize((64, 64), Image.BICUBIC)
    np.testing.assert_array_equal(source[0], wanted)
    assert (len(source), source.names[3]) == (6, "000004")


def test_the_published_resizing_of_coco():
    for (height, width), wanted in {(427, 640): (256, 383), (640, 427): (383, 256), (100, 100): (256, 256),
                                    (300, 256): (300, 256)}.items():   # int(256 * 640 / 427) = int(383.7)
        picture = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
        result = resize_shorter_side(picture, 256)
        assert result.shape == (*wanted, 3)
        np.testing.assert_array_equal(result, Image.fromarray(picture).resize(wanted[::-1], Image.BILINEAR))
    odd = marked(0, 383, 256)   # 127 pixels too many: torchvision gives round(63.5) = 64 to the top
    assert centre_crop(odd, 256)[0, 0, 1] == 64


def test_nothing_asked_for_is_the_source_itself():
    source = Described()
    assert reshape(source) is reshape(source, crop="") is select(source, "") is source
    assert take_split(source, None, None) is source


def test_attributes_select():
    source = Described()
    assert select(source, "Blond_Hair").names == ("000001", "000002", "000005")
    assert select(source, "Blond_Hair", -1).names == ("000003", "000004", "000006")
    both = select(source, " Blond_Hair=-1, Male=+1")
    assert (both.names, repr(both)) == (("000003", "000006"), "described, Blond_Hair=-1,Male=1, 2 pictures")
    np.testing.assert_array_equal(both.attributes, source.attributes[[2, 5]])
    assert select(both, "Male").names == both.names   # of a selection, by its own rows
    assert select(take_split(source, [0, 0, 1, 1, 2, 2], "test"), "Blond_Hair").names == ("000005",)
    assert select(reshape(source, crop=108), "Male", -1).names == ("000002", "000004")
    assert both[1][0, 0, 0] == 5


def test_views_pass_over_what_cannot_be_read_and_may_be_pickled():
    selected = select(Described(), "Blond_Hair", -1)
    source = reshape(selected, crop=108)
    copy = pickle.loads(pickle.dumps(source))
    for view in (source, copy):
        assert view[0][0, 0, 0] == 3   # 000003 is damaged, 000004 follows
        assert view.skipped == 1
        with pytest.raises(PictureError, match="000003 is damaged"):
            view.read(0)
    small = reshape([marked(0, 100, 120), marked(1, 110, 120)], crop=108)
    assert small[0][0, 0, 0] == 1
    with pytest.raises(PictureError, match=r"picture 0 is 100 x 120 pixels .*smaller than the crop of 108; lower crop"):
        small.read(0)


def test_splits():
    source, partition = Described(), np.array([0, 1, 0, 2, 0, 2])
    names = lambda split: [int(name) for name in take_split(source, partition, split).names]
    assert (names("train"), names("valid"), names("test")) == ([1, 3, 5], [2], [4, 6])
    assert (names("all"), names("all[:2]"), names("train[1:]"), names("all[-2:]")) == ([*range(1, 7)], [1, 2], [3, 5],
                                                                                      [5, 6])
    assert repr(take_split(source, None, "all[2:4]")) == "described all[2:4], 2 pictures"


@pytest.mark.parametrize("call, words", [
    (lambda s: select(s, "Male", 0), "attribute='Male' with sign=0 is no condition; wanted a name with the sign 1"),
    (lambda s: select(s, "Male=2"), "'Male=2'.* is no condition"),
    (lambda s: select(s, "Male,Male=-1"), "each once"),
    (lambda s: select(s, "Male,"), "is no condition"),
    (lambda s: select(s, "Blonde_Hair"), r"described, 6 pictures have no attribute 'Blonde_Hair'; did you mean "
                                         r"'Blond_Hair'\? there are: Blond_Hair, Male, Smiling"),
    (lambda s: select(s, "Hat"), "no attribute 'Hat'; there are: Blond_Hair, Male, Smiling"),
    (lambda s: select(s, "Male=1,Smiling=1"), "none of described, 6 pictures has Male=1,Smiling=1; take away"),
    (lambda s: select([marked(0, 9, 9)], "Male"), "have no attributes, and 'Male' was asked for; wanted drawn-faces"),
    (lambda s: take_split(s, None, "train"), "which of described, 6 pictures belong to the split 'train' is not known; "
                                             r"wanted list_eval_partition\.txt"),
    (lambda s: take_split(s, [0] * 6, "test"), "the split 'test' of described, 6 pictures is empty"),
    (lambda s: take_split(s, [0] * 6, "validation"), "no split 'validation'; wanted 'train', 'valid', 'test', 'all'"),
    (lambda s: take_split(s, [0] * 6, "[:2]"), r"no split '\[:2\]'"),
    (lambda s: reshape(s, crop=0), "crop=0 is no number of pixels; wanted an integer of at least 1"),
    (lambda s: reshape(s, size="big"), "size='big'"),
    (lambda s: reshape(s, size=True), "size=True"),
    (lambda s: reshape(s, size=8, resampling="cubic"), "resampling='cubic' is not known; wanted one of bilinear"),
])
def test_errors(call, words):
    with pytest.raises(ValueError, match=words):
        call(Described())
