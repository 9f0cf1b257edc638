"""The names of ImageNet's classes."""

from pathlib import Path

CLASSES = Path(__file__).parent / "imagenet_classes.txt"


def class_names() -> list[list[str]]:
    """For each ImageNet class its everyday name and then WordNet's names."""
    lines = [line for line in CLASSES.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return [[everyday, *others.split(", ")] for _, everyday, others in (line.split("\t") for line in lines)]
