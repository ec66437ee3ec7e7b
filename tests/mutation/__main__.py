"""Plant a sample of the faults of a part of the code, one by one, and see which are found.

    python -m tests.mutation kernels --sample 200 --seed 1

The parts are those of PARTS. Faults in kernels are judged by the contracts of hw5 check kernels, all others by tests.
A fault does not count if it does not compile, if the compiler makes the same code of it, or if it is EQUIVALENT. Prints
each fault that was not found, and at the end the share of those found.

Outcomes are appended to runs/mutation/PART.jsonl. When the run is repeated, with a larger sample or after a test was
added, a fault that has an outcome there is not planted again, unless it was not found.
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


def sampled(root, part, count, seed):
    """[(file, tests, Fault)] of a part of the repository at root, at random; a larger sample begins with a smaller one."""
    tests = {file: tests for pattern, tests in part.items() for file in sorted(root.glob(pattern))}
    faults = [
        (str(file.relative_to(root)), tests[file], fault)
        for file in sorted(tests)
        for fault in faults_of(file.read_text("utf-8"), file.suffix == ".py")
    ]
    return random.Random(seed).sample(faults, len(faults))[:count]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--sample", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # which removes the copy
    log = ROOT / "runs" / "mutation" / f"{options.part}.jsonl"
    log.parent.mkdir(parents=True, exist_ok=True)
    before = {_key(record): record for record in read(log)}
    records = []
    with Workplace() as workplace:
        for file, tests, fault in sampled(workplace.root, PARTS[options.part], options.sample, options.seed):
            record = _record(workplace.root, file, fault)
            if before.get(_key(record), {}).get("outcome", "survived") == "survived":
                _judge(workplace, file, tests, fault, record)
                with open(log, "a", encoding="utf-8") as out:
                    print(json.dumps(record), file=out)
            else:
                record = before[_key(record)]
            records.append(record)
            if record["outcome"] == "survived":
                print(f"{file}, {fault}: {record['text']}", flush=True)
    print(HEADER, row(options.part, records), sep="\n")


def _record(root, file, fault):
    line, faulty = fault.lines_in((root / file).read_text("utf-8"))
    return {"file": file, "line": fault.line, "text": line, "fault": faulty}


def _key(record):
    return tuple(record[name] for name in ("file", "line", "text", "fault"))


def _judge(workplace, file, tests, fault, record):
    """Add the outcome and the seconds that it took to a record."""
    start = time.perf_counter()
    if (file, record["text"], record["fault"]) in EQUIVALENT:
        record["outcome"] = "equivalent"
    else:
        record["outcome"] = workplace.outcome(file, tests, fault)
    record["seconds"] = round(time.perf_counter() - start, 2)


if __name__ == "__main__":
    main()
