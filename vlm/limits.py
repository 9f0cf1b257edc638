"""What decoding one file may cost, and what is said of a file that is refused."""

import errno
import resource
import signal
from dataclasses import dataclass

from vlm.errors import AskpixError, first_line

MAX_PIXELS = 200_000_000
_SECONDS = 2.0
_MOST_SECONDS = 10.0
_BYTES_A_SECOND = 5_000_000  # half of what noise in HEIC takes, and a tenth of what PNG does
_MEMORY = 1_000_000_000  # bytes
THREADS = 2  # of one decoder
_LIBRARIES = 50_000_000  # bytes of them that are in memory besides the data


class UnreadablePicture(AskpixError):
    """A file that cannot be shown as a picture; the message is the reason, without the path."""


@dataclass(frozen=True)
class Limits:
    """What decoding one file may cost.

    It may have 2 s of the processor's time and one more for every 5 MB, up to 10 s, and 1 GB of memory: small files
    cannot hold a run up, and large ones that are what they claim to be are read. Who allows more pixels than by
    default allows more of both.
    """

    max_pixels: int = MAX_PIXELS
    file_size: int = 0  # bytes

    @property
    def seconds(self) -> float:
        """Of the processor's time."""
        return min(_SECONDS + self.file_size / _BYTES_A_SECOND, _MOST_SECONDS) * self._share

    @property
    def memory(self) -> float:
        """Bytes."""
        return _MEMORY * self._share

    @property
    def _share(self) -> float:
        return max(1.0, self.max_pixels / MAX_PIXELS)

    def check(self, width: int, height: int) -> None:
        """Raises UnreadablePicture when a picture claims more pixels."""
        if width * height > self.max_pixels:
            raise UnreadablePicture(
                f"{width} x {height} is more than {self.max_pixels / 1e6:.0f} megapixels; "
                "raise ASKPIX_MAX_PIXELS to allow it"
            )

    def hold(self) -> None:
        """Hold this process to them from now on: one that takes more memory sees MemoryError, more time ends it."""
        _, most = resource.getrlimit(resource.RLIMIT_DATA)
        data = round(self.memory) - _LIBRARIES
        resource.setrlimit(resource.RLIMIT_DATA, (data if most < 0 else min(data, most), most))
        signal.setitimer(signal.ITIMER_PROF, self.seconds)

    def too_long(self) -> UnreadablePicture:
        """What is said of a file that takes more time."""
        return UnreadablePicture(
            f"it takes more than {self.seconds:.0f} s to decode; raise ASKPIX_MAX_PIXELS to allow more"
        )

    def too_much(self) -> UnreadablePicture:
        """What is said of a file that takes more memory."""
        return UnreadablePicture(
            f"it takes more than {self.memory / 1e9:.0f} GB of memory to decode; raise ASKPIX_MAX_PIXELS to allow more"
        )


def release() -> None:
    """Let this process take its time."""
    signal.setitimer(signal.ITIMER_PROF, 0)


def extend(seconds: float) -> None:
    """Give this process more time, if it is held to any."""
    if left := signal.getitimer(signal.ITIMER_PROF)[0]:
        signal.setitimer(signal.ITIMER_PROF, left + seconds)


def unreadable(error: Exception, limits: Limits | None = None) -> UnreadablePicture:
    """What a decoder's error comes to."""
    from PIL import UnidentifiedImageError

    said = getattr(error, "strerror", None) or first_line(error)
    if isinstance(error, UnreadablePicture):
        return error
    if isinstance(error, PermissionError):
        return UnreadablePicture("no permission to read the file")
    if isinstance(error, UnidentifiedImageError):
        return UnreadablePicture("not a picture in a format that can be read")
    no_memory = isinstance(error, MemoryError) or getattr(error, "errno", 0) == errno.ENOMEM
    if no_memory or "out of memory" in said.lower() or "memory alloc" in said.lower():
        return (limits or Limits()).too_much()
    if "truncated" in said.lower():
        return UnreadablePicture("the file is cut short")
    plain = "".join(letter if letter.isprintable() else "?" for letter in said)  # it may quote the file
    return UnreadablePicture(f"the file is damaged ({plain})")
