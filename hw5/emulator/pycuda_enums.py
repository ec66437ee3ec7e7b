"""The enumerations of pycuda._driver, and the limits of the device that the emulator is."""

import enum

LIMITS = {
    "MAX_THREADS_PER_BLOCK": 1024,
    "MAX_BLOCK_DIM_X": 1024,
    "MAX_BLOCK_DIM_Y": 1024,
    "MAX_BLOCK_DIM_Z": 64,
    "MAX_GRID_DIM_X": 2**31 - 1,
    "MAX_GRID_DIM_Y": 65535,
    "MAX_GRID_DIM_Z": 65535,
    "MAX_SHARED_MEMORY_PER_BLOCK": 48 * 1024,
    "TOTAL_CONSTANT_MEMORY": 64 * 1024,
    "WARP_SIZE": 32,
    "MAX_REGISTERS_PER_BLOCK": 65536,
    "MULTIPROCESSOR_COUNT": 4,
    "MAX_THREADS_PER_MULTIPROCESSOR": 1024,
    "CLOCK_RATE": 1_000_000,
    "COMPUTE_MODE": 0,
    "UNIFIED_ADDRESSING": 1,
    "CONCURRENT_KERNELS": 0,
    "CAN_MAP_HOST_MEMORY": 0,
    "MANAGED_MEMORY": 0,
    "INTEGRATED": 0,
    "PCI_BUS_ID": 0,
    "PCI_DEVICE_ID": 0,
}  # of the device that the emulator is


def _enum(name, members):
    return enum.IntEnum(name, members.split(), start=0)


device_attribute = _enum("device_attribute", " ".join(LIMITS))
function_attribute = _enum(
    "function_attribute",
    "MAX_THREADS_PER_BLOCK SHARED_SIZE_BYTES CONST_SIZE_BYTES LOCAL_SIZE_BYTES NUM_REGS PTX_VERSION BINARY_VERSION",
)
ctx_flags = _enum("ctx_flags", "SCHED_AUTO SCHED_SPIN SCHED_YIELD SCHED_BLOCKING_SYNC MAP_HOST LMEM_RESIZE_TO_MAX")
event_flags = _enum("event_flags", "DEFAULT BLOCKING_SYNC DISABLE_TIMING")
stream_flags = _enum("stream_flags", "DEFAULT NON_BLOCKING")
compute_mode = _enum("compute_mode", "DEFAULT EXCLUSIVE PROHIBITED EXCLUSIVE_PROCESS")
func_cache = _enum("func_cache", "PREFER_NONE PREFER_SHARED PREFER_L1 PREFER_EQUAL")
mem_attach_flags = enum.IntEnum("mem_attach_flags", "GLOBAL HOST SINGLE")
host_alloc_flags = _enum("host_alloc_flags", "NONE PORTABLE DEVICEMAP WRITECOMBINED")
mem_host_register_flags = _enum("mem_host_register_flags", "NONE PORTABLE DEVICEMAP")
limit = _enum("limit", "STACK_SIZE PRINTF_FIFO_SIZE MALLOC_HEAP_SIZE")
direction_vector_set = _enum("direction_vector_set", "VECTOR_32 SCRAMBLED_VECTOR_32 VECTOR_64 SCRAMBLED_VECTOR_64")
