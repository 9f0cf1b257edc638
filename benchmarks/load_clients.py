"""The clients of benchmarks.load, as Locust runs them: people who search, look, scroll through thumbnails and ask.

By the environment: LOAD_PAUSE, the mean seconds between two requests of one of them, LOAD_PHOTOS, how many photos there
are, and LOAD_SERVERS, the addresses of the servers, which they take in turn. Who is refused (503) comes again when the
answer says.
"""

import itertools
import os
import random
import time
from typing import Any

from locust import FastHttpUser, task
from locust.contrib.fasthttp import ResponseContextManager

from benchmarks.search import CLASSES

PAUSE, PHOTOS = float(os.environ["LOAD_PAUSE"]), int(os.environ["LOAD_PHOTOS"])
NUMBERS = itertools.count()
SERVERS = os.environ["LOAD_SERVERS"].split()
LOOKED_AT = 200  # photos: people look at the same ones, whose thumbnails are made once
THINGS = CLASSES.read_text(encoding="utf-8").splitlines()
QUESTIONS = ["what is it?", "is there a person?", "what colour is it?", "is it outdoors?"]


class Person(FastHttpUser):
    """One client; each begins at a place of its own, the same in every run."""

    def __init__(self, *given: Any) -> None:
        number = next(NUMBERS)
        self.host = SERVERS[number % len(SERVERS)]
        self.dice = random.Random(number)
        super().__init__(*given)

    def on_start(self) -> None:
        """Come when one's first pause is over, as people do, not all at the same moment."""
        time.sleep(self.wait_time())

    def wait_time(self) -> float:
        return self.dice.uniform(0, 2 * PAUSE)

    @task(4)
    def search(self) -> None:
        self._get("search", "/api/v1/search", q=f"a photo of a {self.dice.choice(THINGS)}")

    @task(2)
    def search_page(self) -> None:
        self._get("page of a search", "/", q=self.dice.choice(THINGS))

    @task(2)
    def photo_page(self) -> None:
        self._get("page of a photo", f"/image/{self._photo()}")

    @task(12)
    def thumbnail(self) -> None:
        photo = self._photo()
        self._get("thumbnail", f"/picture/{photo}/{photo:064x}-small.webp")

    @task(1)
    def question(self) -> None:
        asked = {"question": self.dice.choice(QUESTIONS)}
        with self.client.post(
            f"/api/v1/photos/{self._photo()}/ask", json=asked, name="question", catch_response=True
        ) as answer:
            self._heed(answer)

    def _get(self, name: str, path: str, **query: str) -> None:
        with self.client.get(path, params=query, name=name, catch_response=True) as answer:
            self._heed(answer)

    def _heed(self, answer: ResponseContextManager) -> None:
        """Count who was refused apart, and come again when told to."""
        if answer.status_code == 503 and answer.headers and "Retry-After" in answer.headers:
            answer.request_meta["name"] = f"{answer.request_meta['name']}, refused"
            answer.success()
            time.sleep(float(answer.headers["Retry-After"]))

    def _photo(self) -> int:
        return 1 + self.dice.randrange(LOOKED_AT) * (PHOTOS // LOOKED_AT)
