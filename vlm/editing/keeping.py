"""What an instruction says of places that other clauses name: what is to stay as it is, and "the rest"."""

from collections.abc import Sequence
from dataclasses import replace

from vlm.editing.plan import OPERATIONS, Operation
from vlm.editing.sayings import REST, Keep, Said
from vlm.errors import AskpixError


def settled(said: Sequence[Said]) -> list[Operation]:
    """The operations, each with its own place: without "the rest", and with what is to stay as it is left out."""
    kept = [one.region for one in said if isinstance(one, Keep)]
    operations = [operation for one in said if not isinstance(one, Keep) for operation in one]
    if not operations:
        raise AskpixError('only what is to stay as it is has been named: say what to change too, such as "brighter"')
    if len(set(kept)) > 1:
        raise AskpixError(f"only one thing can be left as it is, not both {kept[0]} and {kept[1]}: name one")
    keep = kept[0] if kept else None
    named, found = keep, []
    for operation in operations:
        found.append(_left_out(_of_the_rest(operation, named), keep))
        named = named if operation.region in (None, REST) else operation.region
    return found


def _of_the_rest(operation: Operation, named: str | None) -> Operation:
    if operation.region != REST:
        return operation
    if named in (None, REST) or operation.outside:
        raise AskpixError('what "the rest" is depends on what was named before it: name the place itself')
    return replace(operation, region=named, outside=True)


def _left_out(operation: Operation, kept: str | None) -> Operation:
    """The operation everywhere but on what is to stay as it is."""
    if kept is None or (operation.region == kept and operation.outside):
        return operation
    kind = OPERATIONS[operation.name]
    if operation.region is None and kept != REST and kind.outside and kind.region == "may":
        return replace(operation, region=kept, outside=True)
    if operation.region is not None and kept in ("background", REST):
        return operation  # what is done to a thing leaves what is behind it as it is
    raise AskpixError(f'"{operation}" cannot leave out {kept}: name only the place to change, or only the one to keep')
