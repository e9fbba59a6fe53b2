"""Numbers and bytes one after the other, each written in one way only."""


def varint(number: int) -> bytes:
    """`number`, which is not negative, in base 128, lowest digits first (LEB128)."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


class Cursor:
    """A place in bytes that nobody vouches for. All methods raise ValueError at their end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        """Bytes not yet taken."""
        return len(self._data) - self._at

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        if size > self.left:
            raise ValueError("cut short")
        self._at += size
        return self._data[self._at - size : self._at]

    def byte(self) -> int:
        """The next byte."""
        return self.take(1)[0]

    def varint(self, most: int) -> int:
        """A number from 0 to `most`, in its shortest form."""
        number = 0
        for shift in range(0, most.bit_length() + 7, 7):
            digit = self.byte()
            number |= (digit & 0x7F) << shift
            if digit <= 0x7F:
                if number > most or (digit == 0 and shift):
                    break
                return number
        raise ValueError("a number over its bound, or written too long")
