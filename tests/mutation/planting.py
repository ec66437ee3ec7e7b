"""A copy of the repository in which faults are planted, one at a time, and judged."""

import os
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from hw5.compiler import with_includes
from tests.mutation import native
from tests.mutation.judge import CODES

ROOT = Path(__file__).parents[2]
_MEMORY = 16 << 30  # bytes of address space: a fault in the size of an array must not fill the machine's memory
_SECONDS = 600  # after which something waits for good
_LEFT_OUT = (".git", ".venv", "runs", "__pycache__", ".*_cache", ".hypothesis")


class Workplace:
    """The copy, as a context. Next to it are the cache of compiled code, and the kernels without faults."""

    def __enter__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="hw5-mutation-")
        self.root = Path(self._folder.name) / "hw5"
        shutil.copytree(ROOT, self.root, ignore=shutil.ignore_patterns(*_LEFT_OUT))
        self._cache, self._kernels = self.root.parent / "compiled", self.root.parent / "kernels"
        shutil.copytree(self.root / "kernels", self._kernels)
        self._limits = {}  # of runs of pytest, in seconds
        self._assembly = {}  # of programs without a fault
        return self

    def __exit__(self, *_):
        self._folder.cleanup()

    def outcome(self, file, tests, fault):
        """An outcome of CODES, of a fault in a file that tests judge, or None: the contracts of hw5 check kernels."""
        path = self.root / file
        text = path.read_text("utf-8")
        judge = self._by_contracts if tests is None else self._by_tests
        self._prepare(path, tests or ())
        path.write_text(fault.planted_in(text), "utf-8")
        try:
            return judge(path, tests)
        except subprocess.TimeoutExpired:
            return "found"
        finally:
            path.write_text(text, "utf-8")

    def _prepare(self, path, tests):
        """What is measured without a fault, once: the time that the tests take, and the programs that a file changes."""
        for arguments in tests:
            if arguments not in self._limits:
                self._limits[arguments] = self._limit(arguments)
        for source in native.programs(self.root, path) if tests else ():
            if source not in self._assembly:
                self._assembly[source] = native.assembly(self.root, source)

    def _by_contracts(self, path, _):
        names = [source.name for source in sorted(path.parent.glob("*.cu")) if path in with_includes(source)]
        folders = str(path.parent), str(self._kernels)
        code, output = self._run(["-m", "tests.mutation.judge", *folders, *names], _SECONDS)
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
        code, _ = self._run(_pytest(arguments), self._limits[arguments], "sanitizers" not in arguments)
        return code != 0

    def _changes_code(self, path):
        programs = native.programs(self.root, path)
        return any(native.assembly(self.root, source) != self._assembly[source] for source in programs)

    def _limit(self, arguments):
        """A time limit for a run of pytest: five times what it takes without a fault. It must pass then."""
        start = time.perf_counter()
        code, output = self._run(_pytest(arguments), _SECONDS)
        if code:
            raise SystemExit(f"pytest {arguments} fails without a fault, too:\n{output}")
        return 30 + 5 * (time.perf_counter() - start)

    def _run(self, arguments, seconds, limits_memory=False):
        """The exit code and the output of Python, which is ended with all that it started after some seconds."""
        with subprocess.Popen(
            [sys.executable, *arguments],
            cwd=self.root,
            env=os.environ | {"HW5_CACHE": str(self._cache)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            preexec_fn=_limit_memory if limits_memory else None,
        ) as process:
            try:
                output, _ = process.communicate(timeout=seconds)
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


def _pytest(arguments):
    return ["-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *shlex.split(arguments)]
