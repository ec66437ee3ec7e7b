"""Plant a sample of the faults of a part of the code, one by one, and see which are found.

    python -m tests.mutation kernels --sample 200 --seed 1

The parts are those of PARTS. Faults in kernels are judged by the contracts of hw5 check kernels, all others by tests.
A fault does not count if it does not compile, if the compiler makes the same code of it, or if it is EQUIVALENT. Prints
each fault that was not found, and at the end the share of those found.

Outcomes are appended to runs/mutation/PART.jsonl. A fault that has an outcome there is not planted again, unless it was
not found: so a run can be continued, and --sample 0 shows whether new tests find what others missed.
"""

import argparse
import json
import random
import signal
import sys
import time

from tests.mutation.equivalent import EQUIVALENT
from tests.mutation.faults import faults_of
from tests.mutation.parts import PARTS
from tests.mutation.planting import ROOT, Workplace
from tests.mutation.table import HEADER, read, row


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--sample", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # which removes the copy
    log = ROOT / "runs" / "mutation" / f"{options.part}.jsonl"
    log.parent.mkdir(parents=True, exist_ok=True)
    with Workplace() as workplace:
        for tests, fault, record in chosen(
            workplace.root, PARTS[options.part], read(log), options.sample, options.seed
        ):
            _judge(workplace, tests, fault, record)
            with open(log, "a", encoding="utf-8") as out:
                print(json.dumps(record), file=out)
            if record["outcome"] == "survived":
                print(f"{record['file']}, {fault}: {record['text']}", flush=True)
    print(HEADER, row(options.part, read(log)), sep="\n")


def chosen(root, part, known, count, seed):
    """[(tests, Fault, record)] of a part of the repository at root: a random sample, and what was not found before.

    known: the records so far. A larger sample begins with a smaller one.
    """
    tests = {file: tests for pattern, tests in part.items() for file in root.glob(pattern)}
    every = [
        (tests[file], fault, _record(root, file, fault))
        for file in sorted(tests)
        for fault in faults_of(file.read_text("utf-8"), file.suffix == ".py")
    ]
    sample = random.Random(seed).sample(every, len(every))[:count]
    outcomes = {_key(record): record["outcome"] for record in known}
    missed = [each for each in every if outcomes.get(_key(each[-1])) == "survived"]
    return missed + [each for each in sample if _key(each[-1]) not in outcomes]


def _record(root, file, fault):
    line, faulty = fault.lines_in(file.read_text("utf-8"))
    return {"file": str(file.relative_to(root)), "line": fault.line, "text": line, "fault": faulty}


def _key(record):
    return tuple(record[name] for name in ("file", "line", "text", "fault"))


def _judge(workplace, tests, fault, record):
    """Add the outcome and the seconds that it took to a record."""
    start = time.perf_counter()
    file, *lines = (record[name] for name in ("file", "text", "fault"))
    record["outcome"] = "equivalent" if (file, *lines) in EQUIVALENT else workplace.outcome(file, tests, fault)
    record["seconds"] = round(time.perf_counter() - start, 2)


if __name__ == "__main__":
    main()
