"""What a model saw in photos, kept on disk from when they are encoded until their captions are written.

So all photos can be found within minutes, captions come after, and no photo passes the vision encoder twice.
"""

import pickle
import shutil
import tempfile
from pathlib import Path

from vlm.protocols import Seen

MOST_BYTES = 4 << 30
SHARE = 4  # of the free space at most one part in so many


class Looks:
    """Rows of `Seen` by image id, in a file without a name, which is gone with the run however that ends.

    What does not fit is not kept, and is looked at again.
    """

    def __init__(self, folder: Path) -> None:
        """Kept on the disk of `folder`."""
        self._file = tempfile.TemporaryFile(buffering=0, dir=folder)  # noqa: SIM115  open as long as the run
        self._places: dict[int, tuple[int, int]] = {}
        self._end = 0
        self._most = min(MOST_BYTES, shutil.disk_usage(folder).free // SHARE)

    def keep(self, image_id: int, seen: Seen) -> None:
        """Keep what was seen in one image, if it still fits."""
        data = pickle.dumps(seen, pickle.HIGHEST_PROTOCOL)
        if self._end + len(data) > self._most:
            return
        self._file.seek(self._end)
        try:
            if self._file.write(data) != len(data):
                return
        except OSError:  # somebody else has filled the disk meanwhile
            return
        self._places[image_id] = (self._end, len(data))
        self._end += len(data)

    def __contains__(self, image_id: object) -> bool:
        return image_id in self._places

    def take(self, image_id: int, *, last: bool = True) -> Seen:
        """What was seen in an image that was kept; it is forgotten then, unless this was not the `last` time."""
        start, length = self._places.pop(image_id) if last else self._places[image_id]
        self._file.seek(start)
        seen: Seen = pickle.loads(self._file.read(length))  # noqa: S301  nobody else can reach this file
        return seen

    def close(self) -> None:
        """Give the space back."""
        self._file.close()
