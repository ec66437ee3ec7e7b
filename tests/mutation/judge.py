"""Whether hw5 check kernels finds a fault in a folder of kernels: exit code 1 if so, 0 if not, 3 if it does not compile."""

import sys

from hw5.verify.grading import check_kernels


def main(folder):
    for report in check_kernels(folder):
        if report.verdict == "does not compile":
            return 3
        if report.verdict in ("wrong", "fault"):
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
