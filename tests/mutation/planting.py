"""A copy of the repository in which faults are planted, one at a time, and judged."""

import os
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from hw5.compiler import with_includes
from tests.mutation import native
from tests.mutation.judge import CODES

ROOT = Path(__file__).parents[2]
_MEMORY = 16 << 30  # bytes of address space: a fault in the size of an array must not fill the machine's memory
_SECONDS = 900  # after which something waits for good, and 120 in one test
_TEST_LIMIT = ("-o", "faulthandler_timeout=120", "-o", "faulthandler_exit_on_timeout=true")
_LEFT_OUT = (".git", ".venv", "runs", "__pycache__", ".*_cache", ".hypothesis")


class Workplace:
    """The copy, as a context. Next to it are the cache of compiled code, and a copy that stays without faults."""

    def __enter__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="hw5-mutation-")
        self.root = Path(self._folder.name) / "hw5"
        self._cache, self._original = self.root.parent / "compiled", self.root.parent / "original"
        shutil.copytree(ROOT, self.root, ignore=shutil.ignore_patterns(*_LEFT_OUT))
        shutil.copytree(self.root, self._original)
        self._passing = set()  # runs of pytest that pass without a fault
        self._assembly = {}  # of files without a fault
        return self

    def __exit__(self, *_):
        self._folder.cleanup()

    def outcome(self, file, tests, fault):
        """An outcome of CODES, of a fault in a file that tests judge, or None: the contracts of hw5 check kernels."""
        path = self.root / file
        text = path.read_text("utf-8")
        judge = self._by_contracts if tests is None else self._by_tests
        path.write_text(fault.planted_in(text), "utf-8")
        try:
            return judge(path, tests)
        finally:
            path.write_text(text, "utf-8")

    def _by_contracts(self, path, _):
        names = [source.name for source in sorted(path.parent.glob("*.cu")) if path in with_includes(source)]
        folders = str(path.parent), str(self._original / "kernels")
        try:
            code, output = self._run(["-m", "tests.mutation.judge", *folders, *names], self.root)
        except subprocess.TimeoutExpired:
            return "found"
        if code in CODES:
            return CODES[code]
        if code > 0:
            raise RuntimeError(output)
        return "found"  # it was killed by a signal

    def _by_tests(self, path, tests):
        """Most faults are found by the first run of tests, so that the assembly is only compared for the others."""
        is_python = path.suffix == ".py"
        if not (_is_python(path) if is_python else native.compiles(self.root, path)):
            return "does not compile"
        first, *others = tests
        if self._fails(first):
            return "found"
        if not is_python and not self._changes_code(path):
            return "the same code"
        return "found" if any(map(self._fails, others)) else "survived"

    def _fails(self, arguments):
        """Whether a run of pytest fails. If one does, it must pass without a fault."""
        code, _ = self._pytest(arguments, self.root)
        if code and arguments not in self._passing:
            code_without, output = self._pytest(arguments, self._original)
            if code_without:
                raise SystemExit(f"pytest {arguments} fails without a fault, too:\n{output}")
            self._passing.add(arguments)
        return code != 0

    def _pytest(self, arguments, root):
        """The exit code and the output. The sanitizers need more address space than there is memory."""
        options = ("-x", "-q", "-p", "no:cacheprovider", *_TEST_LIMIT, *shlex.split(arguments))
        try:
            return self._run(["-m", "pytest", *options], root, limits_memory="sanitizers" not in arguments)
        except subprocess.TimeoutExpired:
            return 1, f"it takes more than {_SECONDS} seconds"

    def _changes_code(self, path):
        if path not in self._assembly:
            self._assembly[path] = native.assembly(self._original, self._original / path.relative_to(self.root))
        return native.assembly(self.root, path) != self._assembly[path]

    def _run(self, arguments, root, limits_memory=False):
        """The exit code and the output of Python, which is ended with all that it started after _SECONDS."""
        with subprocess.Popen(
            [sys.executable, *arguments],
            cwd=root,
            env=os.environ | {"HW5_CACHE": str(self._cache)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            preexec_fn=_limit_memory if limits_memory else None,
        ) as process:
            try:
                output, _ = process.communicate(timeout=_SECONDS)
                return process.returncode, output
            finally:
                if process.returncode is None:
                    os.killpg(process.pid, signal.SIGKILL)


def _is_python(path):
    try:
        compile(path.read_text("utf-8"), path.name, "exec")
    except SyntaxError:
        return False
    return True


def _limit_memory():
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
