"""How good draws are, where no likelihood says so: modes, classes, diversity, copies.

A model that only draws can fail in four ways, and each has its measure: draws that are
like no data (`mode_coverage`, high_quality), kinds of data that are never drawn (its
modes), draws of a kind that was not asked for (`class_fidelity`), draws that are all
the same (`class_diversity`), and draws that are copies of the data it learned from
(`nearest_training_image`, `data_copying`).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree
from scipy.spatial.distance import pdist


@dataclass(frozen=True, eq=False)
class ModeCoverage:
    """Which modes of a mixture draws have found.

    modes : how many of the K have a draw
    high_quality : the share of draws that are of a mode, from 0 to 1
    counts : (K,), the draws of each mode
    """

    modes: int
    high_quality: float
    counts: NDArray


def mode_coverage(x: ArrayLike, means: ArrayLike, sd: float) -> ModeCoverage:
    """Count the draws that lie within three standard deviations of their nearest mean.

    The convention is 2,500 draws. Of a perfect sampler of normals in the plane a share
    of 1 - exp(-9/2) = 0.989 is of high quality.

    Parameters
    ----------
    x : (n, d), draws
    means : (K, d), of the modes, which are told apart if six sd away from each other
    sd : the standard deviation of each coordinate within a mode, in the unit of x

    Raises ValueError if there are none, they do not fit, or are not finite. Source: A.
    Srivastava et al., VEEGAN, NeurIPS (2017); Z. Lin, A. Khetan, G. Fanti and S. Oh,
    PacGAN, NeurIPS (2018).
    """
    points = _points(x=x, means=means)
    if not 0 < sd < np.inf:
        raise ValueError(
            f"sd is {sd}; as the width of a mode it is positive and finite, in the "
            "unit of x"
        )
    distances, nearest = cKDTree(points["means"]).query(points["x"])
    of_a_mode = distances <= 3 * sd
    counts = np.bincount(nearest[of_a_mode], minlength=len(points["means"]))
    return ModeCoverage(int(np.count_nonzero(counts)), float(of_a_mode.mean()), counts)


@dataclass(frozen=True, eq=False)
class ClassFidelity:
    """How often a classifier finds in draws the class that was asked for.

    share, error : of all draws, and its standard error sqrt(p (1 - p) / n)
    classes : (K,), those that were asked for, in ascending order
    shares, errors : (K,), the same of each class
    """

    share: float
    error: float
    classes: NDArray
    shares: NDArray
    errors: NDArray


def class_fidelity(classifier: Any, x: ArrayLike, labels: ArrayLike) -> ClassFidelity:
    """Compare the classes of draws, in the eyes of a classifier, with those asked for.

    The classifier errs too: its accuracy on held-out data is what perfect draws would
    reach. A standard error of zero, where all or none are found, says little if n is
    small: the true share may be off by 3 / n.

    Parameters
    ----------
    classifier : has predict(x) -> (n,), for example an MLPClassifier
    x : (n, d), draws
    labels : (n,), the classes that were asked for

    Raises ValueError if there are none, or they do not fit.
    """
    labels = _labels("labels", labels, len(_points(x=x)["x"]))
    found = _labels("predictions", classifier.predict(x), len(labels)) == labels
    classes, index, n = np.unique(labels, return_inverse=True, return_counts=True)
    shares, share = np.bincount(index, found) / n, float(found.mean())
    return ClassFidelity(
        share=share,
        error=_standard_error(share, len(labels)),
        classes=classes,
        shares=shares,
        errors=_standard_error(shares, n),
    )


def class_diversity(
    x: ArrayLike, labels: ArrayLike, X: ArrayLike, y: ArrayLike
) -> dict[Any, float]:
    """Return how far apart draws of a class are, over how far apart its data are.

    For each class the mean distance between two draws, over that between two data: near
    one if draws are as diverse as data, and zero if they are all the same.

    Parameters
    ----------
    x : (n, d), draws of the classes labels : (n,)
    X : (m, d), data of the classes y : (m,)

    Returns class -> ratio, for each class of labels. Raises ValueError if they do not
    fit, a class has less than two draws or data, or its data are all the same.
    """
    points = _points(x=x, X=X)
    labels = _labels("labels", labels, len(points["x"]))
    y = _labels("y", y, len(points["X"]))
    ratios = {}
    for k in np.unique(labels).tolist():
        drawn, data = points["x"][labels == k], points["X"][y == k]
        if min(len(drawn), len(data)) < 2 or not (distance := pdist(data).mean()):
            raise ValueError(
                f"class {k!r} has {len(drawn)} draws and {len(data)} data, which are "
                "too few or all the same: it takes two of each for a distance, and "
                "different data to compare it with"
            )
        ratios[k] = float(pdist(drawn).mean() / distance)
    return ratios


def nearest_training_image(x: ArrayLike, X: ArrayLike) -> tuple[NDArray, NDArray]:
    """Return the distance of each draw to the nearest training datum, and its index.

    A distance by itself says little: see `data_copying`.

    Parameters
    ----------
    x : (n, d), draws
    X : (m, d), what the model learned from

    Returns (n,) and (n,). Raises ValueError if there are none, they do not fit, or are
    not finite.
    """
    points = _points(x=x, X=X)
    return cKDTree(points["X"]).query(points["x"])


def data_copying(x: ArrayLike, X: ArrayLike, held_out: ArrayLike) -> float:
    """Return how probably a draw is closer to the training data than new data are.

    Both are compared by their distance to the nearest training datum; ties count one
    half. It is 1/2 for draws from the law of the data, one for copies, and falls to
    zero for draws that are like no data.

    Parameters
    ----------
    x : (n, d), draws
    X : (m, d), what the model learned from
    held_out : (k, d), data that it has not seen

    Raises ValueError if there are none, they do not fit, or are not finite. Source: C.
    Meehan, K. Chaudhuri and S. Dasgupta, AISTATS (2020), whose test is this U statistic
    of H. Mann and D. Whitney (1947) over n k, turned round.
    """
    points = _points(x=x, X=X, held_out=held_out)
    tree = cKDTree(points["X"])
    ours = tree.query(points["x"])[0]
    theirs = np.sort(tree.query(points["held_out"])[0])
    farther = len(theirs) - np.searchsorted(theirs, ours, "right")
    as_far = len(theirs) - np.searchsorted(theirs, ours, "left")
    return float(np.mean(farther + as_far) / (2 * len(theirs)))


def _standard_error(share, n):
    """Return sqrt(p (1 - p) / n) of a share p of n."""
    return np.sqrt(share * (1 - share) / n)


def _points(**arrays: ArrayLike) -> dict[str, NDArray]:
    """Return points as arrays (n, d) of float64 with one d, or raise ValueError."""
    points = {name: np.asarray(array, np.float64) for name, array in arrays.items()}
    shapes = {name: array.shape for name, array in points.items()}
    one_d = len({shape[-1:] for shape in shapes.values()}) == 1
    if not one_d or any(len(s) != 2 or 0 in s for s in shapes.values()):
        given = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ValueError(
            f"the shapes {given} are not of points of one space; each is (n, d), a "
            "point a row, at least one, with one d: images.reshape(len(images), -1)"
        )
    for name, array in points.items():
        if not np.all(np.isfinite(array)):
            raise ValueError(
                f"{name} holds nan or infinity, which is at no distance from anything: "
                "the model that drew it has diverged"
            )
    return points


def _labels(name: str, labels: ArrayLike, n: int) -> NDArray:
    """Return one label a row as an array, (n,), or raise ValueError."""
    labels = np.asarray(labels)
    if labels.shape != (n,):
        raise ValueError(
            f"{name} have shape {labels.shape} and there are {n} rows; each needs one "
            "label, (n,)"
        )
    return labels
