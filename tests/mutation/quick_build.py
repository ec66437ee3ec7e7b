"""A plugin of pytest (-p tests.mutation.quick_build): the compiled CPU step is built in a third of the time.

Without optimisation there are no fused multiply-adds, which the tolerance of some steps of Adam assumes.
"""

from hw5.devices.native import library

library.FLAGS = ("-O0", *library.FLAGS[1:])
