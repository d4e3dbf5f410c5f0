"""Which ids a read has shown: the proof that it is whole, at eight bytes each."""

from array import array
from bisect import bisect_left


class SeenIds:
    """A set of ids that come, as asked for, almost always in rising order."""

    def __init__(self) -> None:
        self._rising = array("q")
        self._late: set[int] = set()

    def __len__(self) -> int:
        return len(self._rising) + len(self._late)

    def add(self, number: int) -> bool:
        """Whether the id is new."""
        rising = self._rising
        if not rising or number > rising[-1]:
            rising.append(number)
            return True
        place = bisect_left(rising, number)
        if rising[place] == number or number in self._late:
            return False
        self._late.add(number)
        return True
