"""The contexts of the GPUs that a thread uses, and the end of its runtimes, in the thread that created them."""

import collections
import contextlib
import threading
import weakref


class PrimaryContext:
    """The context of a GPU that the CUDA libraries of a process share, while this thread has runtimes on this GPU.

    One of the thread's contexts is current, on top of PyCUDA's stack. A context must be detached: if it is only
    dropped, PyCUDA 2026.1 calls cuCtxDetach, which cannot release a primary context.
    """

    def __init__(self, ordinal, device):
        self.ordinal, self.users = ordinal, 0
        self._siblings = _contexts.entered
        self.context = device.retain_primary_context()

    @classmethod
    def enter(cls, ordinal, device):
        """The context of a GPU, made current."""
        _release_left(threading.current_thread())
        if ordinal not in _contexts.entered:
            _contexts.entered[ordinal] = cls(ordinal, device)
        entered = _contexts.entered[ordinal]
        entered.users += 1
        entered.make_current()
        return entered

    def make_current(self):
        if _contexts.current is not self:
            if _contexts.current and _contexts.current.users:
                self.context.pop()  # a static method: it pops the current context
            self.context.push()
            _contexts.current = self

    def leave(self):
        self.users -= 1
        if self.users == 0:
            self.make_current()
            del self._siblings[self.ordinal]  # those of the thread that entered it, which may have ended
            _contexts.current = None
            self.context.detach()


class _Contexts(threading.local):
    """The contexts of a thread, by ordinal, and the current one."""

    def __init__(self):
        self.entered, self.current = {}, None


_contexts = _Contexts()


def hold(opened, attributes, name, value):
    """Set an attribute until `opened` is closed: PyCUDA's objects must be deleted before their context.

    attributes: vars() of the object, because a reference to the object would prevent its collection.
    """
    attributes[name] = value
    opened.callback(attributes.pop, name)


def release(opened, errors, owner):
    """Close what a runtime opened, or leave it to the thread that created the runtime.

    The garbage collector runs in any thread. One in which PyCUDA's contexts are pushed must not end with one, or PyCUDA
    ends the process.
    """
    if not is_this(owner) and owner.is_alive():
        _left.append((opened, errors, owner))
        return
    with contextlib.suppress(*errors):  # a failure of the GPU was raised earlier, by the operation that waited
        opened.close()


_left = collections.deque()  # arguments of release


def _release_left(thread=None):
    """Close what was left to a thread, or to any thread."""
    for _ in range(len(_left)):
        opened, errors, owner = _left.popleft()
        release(opened, errors, threading.current_thread() if thread in (None, owner) else owner)


def is_this(thread):
    """Whether this is the calling thread, also at its end, when threading no longer knows it."""
    return thread.ident == threading.get_ident()


_at_exit = weakref.finalize(_release_left, _release_left)  # the first one that is created is the last one that runs
