"""KernelFault, and its message for each kind of fault that the runtime reports."""

import re

from hw5.errors import RunError

# In the order of enum class FaultKind, Divergence, Space and AccessKind of interface.h
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
    "illegal",
)
_DIVERGENCES = (
    "{fault.waiting} of {fault.threads} threads, such as {thread}, wait at a barrier, but {fault.exited} have exited",
    "{fault.waiting} of {fault.threads} threads, such as {thread}, wait at a barrier, but {fault.waiting_elsewhere} at "
    "another, at {other}",
    "{thread} waits for lane {fault.lane}, which is in the mask {mask} but does not arrive",
    "{thread}, with the mask {mask}, meets other lanes of its warp in another operation or with another mask",
    "{thread} uses the mask {mask}, which does not include its own lane",
    "{thread} reads from lane {fault.lane}, which is in the mask {mask} but has exited",
    "{thread} waits for all blocks of the grid, but block {fault.other.block} has ended",
    "{thread} waits for all 32 lanes of its warp, but lane {fault.lane} has exited or is not part of the block",
)
_NOWHERE, _DEVICE, _SHARED, _DYNAMIC_SHARED, _VARIABLE, _CONSTANT = range(6)
_COPY = 6
_VERBS = ("reads", "writes", "atomically updates", "atomically updates", "reads", "writes", "copies to")
_WITH_TEXT = ("misaligned", "divergence", "uninitialised", "illegal")  # whose sentence may be of the emulator's headers


class KernelFault(RunError):
    """A failed launch; the message is one sentence.

    kind: one of KINDS. kernel: its name. file, line: where it happened in the user's files, or None if unknown.
    """

    def __init__(self, kind, kernel, sentence, file=None, line=None):
        super().__init__(sentence)
        self.kind, self.kernel, self.file, self.line = kind, kernel, file, line


class Location:
    """Where a thread was: the innermost line in the user's files, and the line of the kernel that led to it."""

    def __init__(self, party, lines):
        trace = [location for calls in lines.resolve(party.frames[: party.frame_count]) for location in calls]
        if party.site.line:
            reported = party.site.file.decode(errors="replace")
            site = (lines.file(reported) or reported, party.site.line)
            trace = [site] + [location for location in trace if location != site]
        self.file, self.line = trace[0] if trace else (lines.source, None)
        self._kernel = trace[-1] if trace else None
        self._address = f"+{party.frames[0]:#x} in {lines.source.name}" if party.frame_count else lines.source.name

    @property
    def order(self):
        """A key that sorts locations as in the source."""
        return str(self.file), self.line or 0

    def __str__(self):
        if self._kernel is None:
            return self._address
        text = f"{_name(self.file)}:{self.line}"
        if self._kernel != (self.file, self.line):
            text += f" (called at {_name(self._kernel[0])}:{self._kernel[1]})"
        return text


def _name(file):
    return getattr(file, "name", file)


def kernel_fault(fault, kernel):
    """The KernelFault for a fault that the runtime reported of a Kernel."""
    kind = KINDS[fault.kind]
    if kind == "launch":
        return KernelFault(kind, kernel.name, f"{kernel.name} cannot be launched: {_text(fault.text)}")
    location = Location(fault.party, kernel.lines)
    if kind == "race":
        location, sentence = _race(fault, location, Location(fault.other, kernel.lines))
    elif fault.text and kind in _WITH_TEXT:
        sentence = f"{_thread(fault.party)} at {location} {_text(fault.text)}"
    else:
        sentence = _SENTENCES[kind](fault, f"{_thread(fault.party)} at {location}", kernel)
    return KernelFault(kind, kernel.name, f"{kind} in {kernel.name}: {sentence}", location.file, location.line)


def same_value_note(fault, kernel):
    """A sentence on a harmless race: threads store the same value to one place."""
    location, sentence = _race(fault, Location(fault.party, kernel.lines), Location(fault.other, kernel.lines))
    return f"harmless race in {kernel.name}: {sentence}, but both store the same value"


def _text(field):
    return field.decode(errors="replace")


def _thread(party):
    return f"thread {party.thread} of block {party.block}"


def _array(fault):
    name = f" '{_text(fault.array)}'" if fault.array else ""
    kind = {
        _DEVICE: "array" if name else "an unnamed array",
        _SHARED: "__shared__",
        _DYNAMIC_SHARED: "the dynamic shared memory",
        _VARIABLE: "the __device__ variable",
        _CONSTANT: "the __constant__ variable",
    }[fault.space]
    return f"{kind}{name}"


def _bytes(count):
    return "1 byte" if count == 1 else f"{count} bytes"


def _race(fault, here, there):
    """The fault is at the later line in the source, because the barrier is missing before it."""
    (party, location), (other, other_location) = sorted(
        [(fault.party, here), (fault.other, there)], key=lambda side: side[1].order, reverse=True
    )
    if fault.other.access == _COPY:
        reason = "and the copy has not been waited for"
    elif str(party.block) == str(other.block):
        reason = "with no barrier between"
    else:
        reason = "and blocks run in any order"
    sentence = (
        f"{_thread(party)} {_VERBS[party.access]} byte {fault.offset} of {_array(fault)} at {location}, "
        f"{_thread(other)} {_VERBS[other.access]} it at {other_location}, {reason}"
    )
    return location, sentence


def _pointer(address):
    """What an address that no pointer should have says about the pointer, or ""."""
    if address < 1 << 16:
        return "a null pointer"
    if address >= 1 << 63 or address >> 16 == 0xFFFFFFFFFFFF:
        return "an uninitialised or overwritten pointer"
    return ""


_TYPE = re.compile(r"(?<=\w)\[")  # 'float[4]' with clang++, 'float [4]' with g++


def _out_of_bounds(fault, thread, kernel):
    if fault.text:
        return f"{thread} {_TYPE.sub(' [', _text(fault.text))}"
    if _pointer(fault.address):
        verb = _VERBS[fault.party.access] if fault.size else "accesses"
        what = _bytes(fault.size) if fault.size else "memory"
        return f"{thread} {verb} {what} through {_pointer(fault.address)} (address {fault.address:#x})"
    if not fault.size:
        return f"{thread} accesses address {fault.address:#x}, which is in no array; check mode may show more"
    access = f"{thread} {_VERBS[fault.party.access]} {_bytes(fault.size)}"
    if fault.space == _NOWHERE:
        return f"{access} at address {fault.address:#x}, but there is no array"
    array = f"{_array(fault)}, which has {_bytes(fault.array_size)}"
    if fault.offset < 0:
        return f"{access}, {_bytes(-fault.offset)} before the start of {array}"
    if fault.offset < fault.array_size:
        return f"{access} from byte {fault.offset}, across the end of {array}"
    past = fault.offset - fault.array_size
    return f"{access}, {_bytes(past) + ' past' if past else 'right after'} the end of {array}"


def _uninitialised(fault, thread, kernel):
    if fault.space == _CONSTANT:
        return f"{thread} reads {_array(fault)}, which the host has not written"
    return f"{thread} reads byte {fault.offset} of {_array(fault)}, which no thread has written"


def _misaligned(fault, thread, kernel):
    if fault.text:
        return f"{thread} {_text(fault.text)}"
    return (
        f"{thread} {_VERBS[fault.party.access]} {fault.size} bytes at byte {fault.offset} of {_array(fault)}, "
        f"an address that is not a multiple of {fault.size}"
    )


def _divergence(fault, thread, kernel):
    other = Location(fault.other, kernel.lines)
    return _DIVERGENCES[fault.divergence].format(fault=fault, thread=thread, mask=f"{fault.mask:#010x}", other=other)


_SENTENCES = {
    "out-of-bounds": _out_of_bounds,
    "uninitialised": _uninitialised,
    "misaligned": _misaligned,
    "divergence": _divergence,
    "timeout": lambda fault, thread, kernel: f"{thread} is still running after the time limit",
    "assertion": lambda fault, thread, kernel: f"{thread} fails: {_text(fault.text)}",
    "arithmetic": lambda fault, thread, kernel: f"{thread} divides an integer by zero",
    "stack-overflow": lambda fault, thread, kernel: f"{thread} needs more than 256 KiB for its local variables",
    "illegal": lambda fault, thread, kernel: f"{thread} executes an instruction that ends a program",
}
