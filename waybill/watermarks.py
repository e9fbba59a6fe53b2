"""For each subject the revision below which carried state no longer counts. Pure: no I/O, no clock.

A watermark is needed only until all state that is older than it has expired, so only subjects that
lost something lately have one. What is forgotten, whether it is old or there are too many, raises
the floor: below that nobody's state counts. So nothing is ever believed that a memory without
bounds would refuse, whatever the clock does. State that lives no longer than watermarks do, and
does not come from more subjects than there is room for, never meets the floor.

Revisions count within an epoch. When one begins, all state that was issued before belongs to
another history. It says so by its issue time only, so there is a floor of that kind as well.
"""

from collections import OrderedDict
from typing import NamedTuple


class _Mark(NamedTuple):
    revision: int
    noted_at: float


class Watermarks:
    """What is known of losses in one epoch.

    Attributes:
        epoch: the life of the history that revisions count in; 0 before anything is known.
        floor: nobody's state below this revision counts.
        issued_from: nobody's state issued before this counts, in seconds since the Unix epoch.
    """

    __slots__ = ("_marks", "_max_subjects", "_retention_s", "epoch", "floor", "issued_from")

    def __init__(self, *, retention_s: float, max_subjects: int) -> None:
        """Knows of nothing yet.

        Args:
            retention_s: how long a watermark is kept, in seconds: as long as state lives at most,
                and as much longer as clocks may differ and issuing may take.
            max_subjects: most watermarks.

        Raises:
            ValueError: either is not above 0.
        """
        if retention_s <= 0 or max_subjects <= 0:
            raise ValueError("watermarks need a time to be kept for, and room")
        self._retention_s = retention_s
        self._max_subjects = max_subjects
        self._marks: OrderedDict[str, _Mark] = OrderedDict()  # in the order of noting
        self.epoch = 0
        self.floor = 0
        self.issued_from = 0.0

    def __len__(self) -> int:
        return len(self._marks)

    def begin(self, epoch: int, revision: int, epoch_began_at: float) -> None:
        """Losses after `revision` of `epoch` will be told; those up to it may be unknown.

        In the same epoch what is known stays known. An earlier epoch than the known one changes
        nothing. `epoch_began_at` is in seconds since the Unix epoch.
        """
        if epoch > self.epoch:
            self._marks.clear()
            self.epoch, self.floor, self.issued_from = epoch, revision, epoch_began_at
        elif epoch == self.epoch:
            self.floor = max(self.floor, revision)

    def lose(self, subject: str, revision: int, now: float) -> None:
        """`subject` lost something at `revision`, which was told at `now`, in seconds.

        Repeated and late ones change nothing that is known already.
        """
        if revision <= self.least(subject):
            return
        self._marks[subject] = _Mark(revision, now)
        self._marks.move_to_end(subject)
        if len(self._marks) > self._max_subjects:
            self._forget_oldest()

    def forget(self, now: float) -> None:
        """Let go of what has been known for longer than needed."""
        while self._marks:
            oldest = next(iter(self._marks.values()))
            if now - oldest.noted_at <= self._retention_s:
                return
            self._forget_oldest()

    def least(self, subject: str) -> int:
        """The revision that state of `subject` must have at least."""
        mark = self._marks.get(subject)
        return self.floor if mark is None else max(mark.revision, self.floor)

    def _forget_oldest(self) -> None:
        _, mark = self._marks.popitem(last=False)
        self.floor = max(self.floor, mark.revision)
