"""A plugin of pytest (-p tests.mutation.quick_build): the compiled CPU step is built in half the time.

-O2 would form the fused multiply-adds that some tolerances of the tests assume; here one option of it does.
"""

from hw5.devices import native

native._FLAGS = ("-O1", "-fexpensive-optimizations", *native._FLAGS[1:])
