"""Every finding that the check of a dataset can have: the one table from which findings and their page are made."""

from __future__ import annotations

from dataclasses import dataclass

from yolops.errors import YolopsError
from yolops.findings import Finding, Severity

_E, _W, _I = Severity.ERROR, Severity.WARNING, Severity.INFO
_DROPS = "drops the image with all its boxes"
_ACCEPTS = "accepts it without a word"
_STOPS = "stops with an error"
_NOTHING = "does not look"


@dataclass(frozen=True, slots=True)
class Code:
    """One kind of finding.

    Attributes:
        name: what a program looks for; it never changes.
        severity: an error stops a training.
        meaning: what is wrong, for the page of findings.
        ultralytics: what ultralytics 8.4 does with it.
    """

    name: str
    severity: Severity
    meaning: str
    ultralytics: str


_DESCRIPTION = (
    Code("description-missing", _E, "there is no `data.yaml`", _STOPS),
    Code("description-unreadable", _E, "`data.yaml` cannot be read, or is not valid YAML", _STOPS),
    Code("description-wrong", _E, "a key of `data.yaml` cannot be meant as it is written", "stops, or invents values"),
    Code("names-disagree", _E, "`nc` and `names` disagree about the number of classes", _STOPS),
    Code("names-invented", _W, "`nc` without `names`: the classes are called class_0, class_1, ...", _ACCEPTS),
    Code("name-repeated", _W, "two classes have one name", _ACCEPTS),
    Code("name-not-text", _W, "YAML reads a class name as a number or as true or false", "takes `True` for a name"),
    Code("download-ignored", _W, "the description brings a `download`, which yolops never runs", "runs it as code"),
    Code("key-executable", _W, "another key that holds a command, which yolops never runs", _NOTHING),
    Code(
        "keypoints-described",
        _E,
        "`kpt_shape`: a dataset of keypoints (pose), and yolops trains boxes",
        "trains a detector on the boxes",
    ),
    Code("split-missing", _W, "the path of `test` does not exist", _ACCEPTS),
    Code("split-empty", _E, "no image in train or val", _STOPS),
    Code("test-empty", _W, "no image in test", _ACCEPTS),
)
_FILES = (
    Code("image-listed-twice", _W, "an image stands twice in one split", "counts it twice"),
    Code(
        "image-ignored",
        _W,
        "images of a format that is passed over, or arrays beside images",
        "ignores images, reads `.npy` instead of the image",
    ),
    Code("link-outside", _W, "a link leads out of the dataset", _ACCEPTS),
    Code("list-leads-outside", _W, "an entry of a list climbs out of the dataset by `..`", _ACCEPTS),
    Code(
        "name-case-clash",
        _W,
        "two names differ in upper and lower case only; one is lost on macOS and Windows",
        _ACCEPTS,
    ),
    Code("label-shared", _W, "two images of one stem share a label file", "gives both the same boxes"),
    Code("label-suffix", _W, "a label file whose suffix is not exactly `.txt`", "takes the image for background"),
    Code("label-without-image", _W, "a label file that belongs to no image", _NOTHING),
    Code("label-missing", _I, "an image without label file", "takes it for background"),
    Code("labels-missing", _W, "how many images of a split have no label file", "counts them in its log"),
    Code("labels-empty", _I, "how many label files of a split are empty", "counts them in its log"),
    Code(
        "cache-ignored",
        _I,
        "a `.cache` beside the labels, which yolops leaves unread",
        "unpickles it, which can run code",
    ),
)
_IMAGES = (
    Code("image-missing", _E, "an image cannot be opened", "stops, or drops the image"),
    Code("image-empty", _E, "a file of no bytes", "drops the image and tries to install a package"),
    Code(
        "image-unreadable",
        _E,
        "the bytes are of no format that ultralytics reads",
        "drops the image and tries to install a package",
    ),
    Code("image-damaged", _E, "decoding fails: truncated, or damaged where the decoder notices", _DROPS),
    Code(
        "jpeg-damaged-inside",
        _W,
        "a marker inside the compressed data of a JPEG whose end is intact",
        "trains on what libjpeg makes of it",
    ),
    Code("jpeg-trailing-bytes", _W, "bytes behind the end of a JPEG", "re-encodes the file in place"),
    Code("image-too-small", _E, "a side below 10 pixels", _DROPS),
    Code("image-too-large", _E, "more than 179 million pixels; refused before it is decoded", _DROPS),
    Code("image-very-large", _W, "more than 89 million pixels; not decoded by the check", "decodes it in every epoch"),
    Code("image-suffix", _I, "the content is of another format than the suffix says", _ACCEPTS),
    Code(
        "image-rotated",
        _W,
        "EXIF turns or mirrors the image, so boxes drawn on the stored pixels are misplaced",
        "turns the image, not the boxes",
    ),
    Code("image-cmyk", _W, "CMYK, whose colours decoders do not agree about", _ACCEPTS),
    Code("image-16-bit", _W, "16 bits per channel, of which 8 are lost", "keeps the upper 8 bits"),
    Code("image-alpha", _I, "an alpha channel, which is cut off", "shows what was transparent"),
    Code("image-animated", _W, "more than one frame, of which the first is used", _ACCEPTS),
)
_LABELS = (
    Code("label-unreadable", _E, "a label file cannot be opened", _DROPS),
    Code("label-too-large", _E, "a label file of 16 MiB or more", "reads all of it"),
    Code("label-not-text", _E, "a label file is not UTF-8", _DROPS),
    Code("label-bom", _I, "how many label files begin with a byte-order mark", "reads them"),
    Code("label-crlf", _I, "how many label files have Windows line ends", "reads them"),
    Code("label-columns", _E, "a line with a number of columns that no form has", _DROPS),
    Code("label-mixed", _E, "boxes and polygons in one file", _DROPS),
    Code("label-not-a-number", _E, "a value that is not a number", _DROPS),
    Code("label-not-finite", _E, "NaN or infinity", _DROPS),
    Code(
        "label-keypoints",
        _E,
        "keypoints (pose) in a dataset of boxes",
        "drops the image, or trains on polygons of points",
    ),
    Code(
        "label-oriented",
        _I,
        "oriented boxes, trained as the upright boxes around them",
        "trains on the boxes around them",
    ),
    Code("label-polygons", _I, "polygons, trained as the boxes around them", "trains on the boxes around them"),
    Code("polygon-points", _W, "a polygon of fewer than three different points", _ACCEPTS),
    Code("class-out-of-range", _E, "a class that `names` does not have, is negative or no whole number", _DROPS),
    Code("box-outside", _E, "coordinates more than 0.01 below 0 or above 1", _DROPS),
    Code("box-negative", _E, "a negative width or height", _DROPS),
    Code("box-slightly-outside", _I, "coordinates at most 0.01 below 0 or above 1", _ACCEPTS),
    Code("box-leaves-image", _W, "a box that reaches beyond the image by more than 0.01", _ACCEPTS),
    Code("box-without-area", _W, "a box of no width or no height", _ACCEPTS),
    Code("box-tiny", _W, "a box with a side below 2 pixels", _ACCEPTS),
    Code("box-covers-image", _I, "a box as large as the image", _ACCEPTS),
    Code("label-repeated", _W, "the same line twice", "removes one"),
    Code("box-nearly-repeated", _W, "two boxes of one class that overlap by 0.9 or more (IoU)", _ACCEPTS),
    Code("box-of-two-classes", _W, "two boxes of different classes that overlap by 0.95 or more (IoU)", _ACCEPTS),
    Code(
        "label-more",
        _E,
        "what is left out when a file has more than 20 findings; the severity is that of the first left out",
        "-",
    ),
)
_WHOLE = (
    Code("train-without-labels", _E, "no image of train has a box", _STOPS),
    Code("split-without-labels", _W, "no image of val or test has a box", "trains without metrics"),
    Code("class-without-boxes", _W, "a class has no box in train", _ACCEPTS),
    Code("class-missing-in-val", _W, "a class has boxes in train and none in val", "leaves it out of the mean"),
    Code("class-imbalance", _I, "the most frequent class has 50 times as many boxes as the rarest", _NOTHING),
    Code("box-sizes-differ", _W, "boxes of val or test are of clearly other sizes than in train", _NOTHING),
    Code("box-places-differ", _W, "boxes of val or test lie clearly elsewhere than in train", _NOTHING),
    Code("image-repeated", _I, "the same image twice in one split", _NOTHING),
    Code("image-leaks", _W, "the same image in two splits", _NOTHING),
    Code("image-nearly-repeated", _I, "nearly the same image twice in one split", _NOTHING),
    Code("image-nearly-leaks", _W, "nearly the same image in two splits", _NOTHING),
)
CODES = {code.name: code for code in (*_DESCRIPTION, *_FILES, *_IMAGES, *_LABELS, *_WHOLE)}


def finding(code: str, where: str, what: str, fix: str, *, severity: Severity | None = None) -> Finding:
    """Return a finding of a kind that the table has.

    Args:
        code: its name in the table.
        where: a file, with `:line` where there is one.
        what: what is wrong, in one line.
        fix: what to do, in one line.
        severity: instead of that of the table; of `label-more` alone.

    Raises:
        KeyError: the table has no such kind, which is a bug.
    """
    return Finding(severity or CODES[code].severity, code, where, what, fix)


class DescriptionError(YolopsError):
    """A description that no dataset can be read from.

    Args:
        code: its name in the table.
        where: the file, with `:line` where there is one.
        what: what is wrong, in one line.
        fix: what to do, in one line.
    """

    def __init__(self, code: str, where: str, what: str, fix: str) -> None:
        super().__init__(f"{where}: {what}", fix)
        self.finding = finding(code, where, what, fix)
