"""Names of places from coordinates, offline, by the nearest of the towns that GeoNames lists."""

import math
from functools import lru_cache

# Towns of at least so many people, and how many kilometres from their middle a photo may be: a city reaches far,
# and holds the middles of smaller towns; a photo at sea has no town.
REACH = ((300_000, 8), (0, 25))
_EARTH_KM = 6371


@lru_cache(10_000)
def place_of(latitude: float, longitude: float) -> dict[str, str]:
    """City, region and country at a position in degrees, as far as they are known; empty far from any town."""
    import reverse_geocode

    for people, reach in REACH:
        found = reverse_geocode.get((latitude, longitude), people)
        if _distance(latitude, longitude, found["latitude"], found["longitude"]) <= reach:
            named = {"city": found.get("city"), "region": found.get("state"), "country": found.get("country")}
            return {name: value for name, value in named.items() if value}
    return {}


def _distance(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """Kilometres along the great circle (haversine)."""
    here, there = math.radians(latitude), math.radians(other_latitude)
    turn = math.radians(other_longitude - longitude)
    square = math.sin((there - here) / 2) ** 2 + math.cos(here) * math.cos(there) * math.sin(turn / 2) ** 2
    return 2 * _EARTH_KM * math.asin(math.sqrt(square))
