"""Which group of images goes to which split, so that every split has its share of every class.

Iterative stratification (K. Sechidis, G. Tsoumakas, I. Vlahavas, "On the Stratification of Multi-Label Data", ECML PKDD
2011): the rarest class is spread first, because a common one can still be balanced afterwards. Here groups of images
are spread instead of single examples, those with most objects of the class first, and objects are counted instead of
images with an object. Images without an object are one more class. Afterwards single groups move while that brings the
shares nearer to what is wished: on groups of several images what is off becomes a tenth of what it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


# Most of what can be gained comes with the first pass. What is smaller than the error of adding up is no gain.
_PASSES, _LEAST_GAIN = 4, 1e-12


@dataclass(frozen=True, slots=True)
class Groups:
    """Groups of images that stay together, and what is in them.

    Attributes:
        sizes: shape (n,): how many images each has.
        owner, number, count: shape (m,): that group `owner` has `count` objects of class `number`; each pair once,
            and each group and each number up to the highest at least once.
    """

    sizes: NDArray[np.int64]
    owner: NDArray[np.int64]
    number: NDArray[np.int64]
    count: NDArray[np.int64]


def stratify(groups: Groups, shares: Sequence[float], seed: int) -> NDArray[np.int64]:
    """Assign each group to a split.

    Args:
        groups: the groups, in an order that means nothing; the same groups in another order may be assigned otherwise.
        shares: what part of the images and of each class each split should get; positive, together 1.
        seed: what decides between groups that are alike.

    Returns:
        The split of each group, as an index into `shares`: shape (n,). Each split has a group if there are enough.
    """
    rng = np.random.default_rng(seed)
    wanted = np.array(shares)
    chosen = _spread(groups, wanted, rng)
    for split in range(len(wanted)):
        if not (chosen == split).any():  # of few groups the largest share may take all
            giver = int(np.bincount(chosen, minlength=len(wanted)).argmax())
            members = np.flatnonzero(chosen == giver)
            chosen[members[groups.sizes[members].argmin()]] = split
    _refine(groups, chosen, wanted, rng)
    return chosen


def _spread(groups: Groups, wanted: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.int64]:
    classes = int(groups.number.max(initial=-1)) + 1
    needs = np.outer(np.bincount(groups.number, groups.count, classes), wanted)
    room = groups.sizes.sum() * wanted
    chosen = np.full(len(groups.sizes), -1, np.int64)
    rank = rng.permutation(len(groups.sizes))
    by_group, by_class = _Rows(groups.owner, len(groups.sizes)), _Rows(groups.number, classes)
    left = np.bincount(groups.number, minlength=classes)  # groups that have the class and are not assigned
    while left.any():
        rarest = int(np.where(left > 0, left, left.max() + 1).argmin())
        rows = by_class.of(rarest)
        rows = rows[chosen[groups.owner[rows]] < 0]
        order = np.lexsort((rank[groups.owner[rows]], -groups.count[rows]))
        for group in groups.owner[rows[order]].tolist():
            split = int(np.lexsort((-room, -needs[rarest]))[0])
            chosen[group] = split
            own = by_group.of(group)
            needs[groups.number[own], split] -= groups.count[own]
            left[groups.number[own]] -= 1
            room[split] -= groups.sizes[group]
    return chosen


def _refine(groups: Groups, chosen: NDArray[np.int64], wanted: NDArray[np.float64], rng: np.random.Generator) -> None:
    """Move single groups while the squares of what the shares are off add up to less."""
    totals = np.bincount(groups.number, groups.count)
    off = -np.outer(totals, wanted)
    np.add.at(off, (groups.number, chosen[groups.owner]), groups.count)
    off /= totals[:, None]
    sizes = groups.sizes / groups.sizes.sum()
    room = np.bincount(chosen, sizes, len(wanted)) - wanted
    members = np.bincount(chosen, minlength=len(wanted))
    by_group = _Rows(groups.owner, len(sizes))
    for _ in range(_PASSES):
        before = chosen.copy()
        for group in rng.permutation(len(sizes)).tolist():
            here, size, own = int(chosen[group]), sizes[group], by_group.of(group)
            number = groups.number[own]
            part = groups.count[own] / totals[number]
            # With p taken from split h to split s: (s + p)^2 - s^2 + (h - p)^2 - h^2 = 2p (s - h) + 2p^2.
            worse = part @ (off[number] - off[number, here][:, None]) + part @ part + size * (room - room[here] + size)
            worse[here] = 0
            there = int(worse.argmin())
            if worse[there] < -_LEAST_GAIN and members[here] > 1:
                for split, sign in ((here, -1), (there, 1)):
                    off[number, split] += sign * part
                    room[split] += sign * size
                    members[split] += sign
                chosen[group] = there
        if (before == chosen).all():
            return


class _Rows:
    """Finds the rows that have a value without looking at all of them each time."""

    def __init__(self, values: NDArray[np.int64], count: int) -> None:
        self._order = np.argsort(values, kind="stable")
        self._starts = np.searchsorted(values[self._order], np.arange(count + 1))

    def of(self, value: int) -> NDArray[np.intp]:
        return self._order[self._starts[value] : self._starts[value + 1]]
