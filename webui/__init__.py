"""The page: search a library, look at it, ask it."""
