"""Pictures of a prepared tensorflow-datasets data set, read by index without TensorFlow."""
import functools
import io
import os
import shlex
import threading
from pathlib import Path

import numpy as np

from dynjax.data.picture_source import PictureSource
from dynjax.files.pictures import PictureError, read_picture

KNOWN_FEATURES = ("hr", "image")   # div2k and its like; nearly everything else


class TfdsSource(PictureSource):
    """One image feature of a data set that was prepared as array_record (the one form that needs no TensorFlow).

    Args:
      name: "div2k/bicubic_x4", "celeb_a:2.1.0", ...
      split: "train", "validation[:50%]", ...
      data_dir: where it was prepared; by default where tensorflow-datasets looks (~/tensorflow_datasets).
      feature: which image to take; by default "hr", "image" or the only one there is.

    Raises:
      ValueError: not prepared, or prepared as tfrecord (the message is the command that prepares it); an unknown
        split or feature.
    """

    def __init__(self, name, *, split=None, data_dir=None, feature=None):
        self.name, self.split = name, split or "train"
        # Opened again later, from wherever that is.
        self.data_dir = None if data_dir is None else os.path.abspath(Path(data_dir).expanduser())
        builder = self._builder()
        self.images = _image_features(builder)
        self.feature = _choose_feature(name, self.images, sorted(builder.info.features), feature)
        self._records = self._open(builder)
        super().__init__(f"tfds:{name} {self.split} {self.feature} {builder.info.version}",
                         [f"{index:06d}" for index in range(len(self._records))])
        self._records_lock = threading.Lock()
        self.attribute_names = _attribute_names(builder)

    @functools.cached_property
    def attributes(self):
        """The Booleans of the feature "attributes" as 1 and -1; every record is read for it, once."""
        records = (record["attributes"] for record in self._open(self._builder()))
        values = [[record[name] for name in self.attribute_names] for record in records]
        return np.array(values, np.int8) * 2 - 1

    def read(self, index):
        name = f"{self.feature} {index} of {self.split} of {self.name}"
        try:
            with self._records_lock:
                if self._records is None:
                    self._records = self._open(self._builder())
                data = self._records[index][self.feature]
        except RuntimeError as error:   # array_record's answer to flipped bytes and to files cut short
            raise PictureError(f"{name} cannot be read ({error}); the data set is damaged: prepare it again with\n"
                               f"  {self._command(overwrite=True)}") from error
        return read_picture(io.BytesIO(data), name=name)

    def _builder(self):
        import tensorflow_datasets as tfds
        try:
            builder = tfds.builder(self.name, data_dir=self.data_dir, try_gcs=False)
            prepared = builder.is_prepared()
        except tfds.core.registered.DatasetNotFoundError:
            raise ValueError(f"tensorflow-datasets knows no data set {self.name!r}, and none of that name is prepared "
                             f"in {self.data_dir or '~/tensorflow_datasets'}; check the name and data_dir") from None
        except ImportError:   # some cannot even be described without TensorFlow (coco)
            prepared = False
        except (AssertionError, ValueError) as error:
            raise ValueError(f"tensorflow-datasets cannot open {self.name!r} ({error}); check the name, the "
                             "configuration behind the slash and the version behind the colon") from error
        if not prepared:
            raise ValueError(f"the data set {self.name} is not prepared in {self.data_dir or '~/tensorflow_datasets'}; "
                             "prepare it once, in an environment of its own because that needs TensorFlow (reading "
                             f"does not):\n  {self._command()}")
        if builder.info.file_format.value not in ("array_record", "parquet"):
            raise ValueError(f"the data set {self.name} is prepared as {builder.info.file_format.value}, which cannot "
                             "be read without TensorFlow; wanted array_record: prepare it once more (the downloads "
                             f"are kept), in an environment of its own:\n  {self._command(overwrite=True)}")
        return builder

    def _open(self, builder):
        from tensorflow_datasets import decode
        skip = {image: decode.SkipDecoding() for image in self.images}   # we decode the one we take
        try:
            return builder.as_data_source(split=self.split, decoders=skip)
        except ValueError as error:
            raise ValueError(f"{self.name} has no split {self.split!r}, or it is empty ({error}); wanted one "
                             f"of {list(builder.info.splits)} or a part of one, such as 'train[:50%]'") from error

    def _command(self, overwrite=False):
        """The one line that prepares the data set in a throw-away environment."""
        place = shlex.quote(self.data_dir) if self.data_dir else "~/tensorflow_datasets"
        return ("python3 -m venv tfds-once && tfds-once/bin/pip install tensorflow tensorflow-datasets && "
                f"tfds-once/bin/tfds build {self.name} --file_format=array_record --data_dir={place}"
                + " --overwrite" * overwrite)

    def __getstate__(self):
        state = super().__getstate__() | {"_records": None}
        return {name: value for name, value in state.items() if name != "_records_lock"}

    def __setstate__(self, state):
        super().__setstate__(state)
        self._records_lock = threading.Lock()


def _image_features(builder):
    import tensorflow_datasets as tfds
    return sorted(name for name, feature in builder.info.features.items() if isinstance(feature, tfds.features.Image))


def _attribute_names(builder):
    """Of celeb_a and its like: the names in a feature "attributes" that is all Booleans."""
    import tensorflow_datasets as tfds
    found = dict(builder.info.features).get("attributes")
    if not isinstance(found, tfds.features.FeaturesDict) or any(found[name].np_dtype is not np.bool_ for name in found):
        return ()
    return tuple(found)


def _choose_feature(name, images, features, wanted):
    if wanted is None:
        wanted = next((known for known in KNOWN_FEATURES if known in images), images[0] if len(images) == 1 else None)
    if wanted not in images:
        raise ValueError(f"{name} has the features {features}, of which {images or 'none'} are images, and "
                         f"{'no choice was made' if wanted is None else f'not {wanted!r}'}; give feature= one of the "
                         "images, or take another data set")
    return wanted
