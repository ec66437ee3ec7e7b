"""KernelFault, and the sentence that tells what the runtime found."""

from hw5.errors import RunError

# enum class FaultKind, Divergence, Space and AccessKind of interface.h
KINDS = (
    "launch",
    "race",
    "out-of-bounds",
    "uninitialised",
    "misaligned",
    "divergence",
    "timeout",
    "assertion",
    "arithmetic",
    "stack-overflow",
)
_DIVERGENCES = ("exited", "two_barriers", "warp_incomplete", "warp_mixed", "not_in_mask", "source_exited")
_NOWHERE, _DEVICE, _SHARED, _DYNAMIC_SHARED, _VARIABLE = range(5)
_READ, _WRITE, _ATOMIC = range(3)
_VERBS = {_READ: "reads", _WRITE: "writes", _ATOMIC: "atomically updates"}


class KernelFault(RunError):
    """A launch that went wrong; str() is one sentence.

    kind: one of KINDS; kernel: its name; file: path of the user's file, and line in it, or None where there is none.
    """

    def __init__(self, kind, kernel, sentence, file=None, line=None):
        super().__init__(sentence)
        self.kind, self.kernel, self.file, self.line = kind, kernel, file, line


class Place:
    """Where one party of a fault was: the innermost line in the user's files, and the line of the kernel itself."""

    def __init__(self, party, lines):
        chain = [place for places in lines.resolve(party.frames[: party.frame_count]) for place in places]
        if party.site.line:
            reported = party.site.file.decode(errors="replace")
            site = (lines.file(reported) or reported, party.site.line)
            chain = [site] + [place for place in chain if place != site]
        self.known = bool(chain)
        self.file, self.line = chain[0] if chain else (lines.source, None)
        self._kernel = chain[-1] if chain else None
        self._fallback = f"+{party.frames[0]:#x} in {lines.source.name}" if party.frame_count else lines.source.name

    @property
    def order(self):
        """Sorts places as they stand in the source."""
        return str(self.file), self.line or 0

    def __str__(self):
        if not self.known:
            return self._fallback
        text = f"{_name(self.file)}:{self.line}"
        if self._kernel != (self.file, self.line):
            text += f" (called at {_name(self._kernel[0])}:{self._kernel[1]})"
        return text


def _name(file):
    return getattr(file, "name", file)


def kernel_fault(fault, kernel):
    """The KernelFault for what the runtime reported of a launch of a kernel."""
    kind = KINDS[fault.kind]
    if kind == "launch":
        return KernelFault(kind, kernel.name, f"{kernel.name} cannot be launched: {_text(fault.text)}")
    place = Place(fault.party, kernel.lines)
    if kind == "race":
        place, sentence = _race(fault, place, Place(fault.other, kernel.lines))
    else:
        sentence = _SENTENCES[kind](fault, place, kernel)
    return KernelFault(kind, kernel.name, f"{kind} in {kernel.name}: {sentence}", place.file, place.line)


def _text(field):
    return field.decode(errors="replace")


def _who(party):
    return f"thread {party.thread} of block {party.block}"


def _array(fault):
    name = f" '{_text(fault.array)}'" if fault.array else ""
    kind = {
        _DEVICE: "array" if name else "an unnamed array",
        _SHARED: "__shared__",
        _DYNAMIC_SHARED: "the dynamic shared memory",
        _VARIABLE: "the __device__ variable",
    }[fault.space]
    return f"{kind}{name}"


def _race(fault, here, there):
    """The later line of the two is the fault's place, whichever of them ran first: there the barrier is missing."""
    one, two = (fault.party, here), (fault.other, there)
    if two[1].order > one[1].order:
        one, two = two, one
    (party, place), (other, other_place) = one, two
    if str(party.block) == str(other.block):
        reason = "with no barrier between"
    else:
        reason = "and blocks are not ordered"
    sentence = (
        f"{_who(party)} {_VERBS[party.access]} byte {fault.offset} of {_array(fault)} at {place}, "
        f"{_who(other)} {_VERBS[other.access]} it at {other_place}, {reason}"
    )
    return place, sentence


def _out_of_bounds(fault, place, kernel):
    where = f"{_who(fault.party)} at {place}"
    if not fault.size:
        return f"{where} touches address {fault.address:#x}, which is in no array; check mode may tell more"
    access = f"{where} {_VERBS[fault.party.access]} {_bytes(fault.size)}"
    if fault.space == _NOWHERE:
        return f"{access} at address {fault.address:#x}, and there is no array at all"
    array = f"{_array(fault)}, which has {_bytes(fault.array_size)}"
    if fault.offset < 0:
        return f"{access}, {_bytes(-fault.offset)} before the start of {array}"
    if fault.offset < fault.array_size:
        return f"{access} across the end of {array}, from byte {fault.offset} on"
    past = fault.offset - fault.array_size
    return f"{access}, {_bytes(past) + ' past' if past else 'right after'} the end of {array}"


def _bytes(count):
    return "1 byte" if count == 1 else f"{count} bytes"


def _uninitialised(fault, place, kernel):
    return f"{_who(fault.party)} at {place} reads byte {fault.offset} of {_array(fault)}, which nobody has written"


def _misaligned(fault, place, kernel):
    return (
        f"{_who(fault.party)} at {place} {_VERBS[fault.party.access]} {fault.size} bytes at byte {fault.offset} of "
        f"{_array(fault)}, an address that is not a multiple of {fault.size}"
    )


def _divergence(fault, place, kernel):
    who, mask = _who(fault.party), f"the mask {fault.mask:#010x}"
    case = _DIVERGENCES[fault.divergence]
    if case == "exited":
        return (
            f"{fault.waiting} of {fault.threads} threads, among them {who}, wait at the barrier at {place}, "
            f"and the other {fault.exited} have exited"
        )
    if case == "two_barriers":
        return (
            f"{fault.waiting} of {fault.threads} threads, among them {who}, wait at the barrier at {place}, and "
            f"{fault.waiting_elsewhere} others at {Place(fault.other, kernel.lines)}"
        )
    if case == "warp_incomplete":
        return f"{who} waits at {place} for lane {fault.lane}, which is in {mask} and does not come"
    if case == "warp_mixed":
        return f"lanes of one warp meet in different operations or with different masks: {who} at {place}, with {mask}"
    if case == "not_in_mask":
        return f"{who} at {place} is not itself in {mask}"
    return f"{who} at {place} reads from lane {fault.lane}, which has exited without taking part; {mask} names it"


def _timeout(fault, place, kernel):
    return f"the time limit has passed, and {_who(fault.party)} is still running at {place}"


def _assertion(fault, place, kernel):
    return f"{_who(fault.party)} at {place} fails: {_text(fault.text)}"


def _arithmetic(fault, place, kernel):
    return f"{_who(fault.party)} at {place} divides an integer by zero"


def _stack_overflow(fault, place, kernel):
    return f"{_who(fault.party)} at {place} needs more than 256 KiB for its local variables"


_SENTENCES = {
    "out-of-bounds": _out_of_bounds,
    "uninitialised": _uninitialised,
    "misaligned": _misaligned,
    "divergence": _divergence,
    "timeout": _timeout,
    "assertion": _assertion,
    "arithmetic": _arithmetic,
    "stack-overflow": _stack_overflow,
}
