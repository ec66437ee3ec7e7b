// assert and __trap end the launch with a report instead of the process. <assert.h> redefines the macro assert whenever
// it is included, so the function that the macro calls is replaced instead.
#pragma once

#define __assert_fail hw5_assert_fail
#include <assert.h>

extern "C" inline void hw5_assert_fail(const char *expression, const char *file, unsigned line,
                                       const char *) noexcept {
    hw5_link.runtime.assertion(expression, {file, (int)line});
    __builtin_unreachable();
}

// -fsanitize=return: the end of a function that returns a value.
extern "C" __attribute__((visibility("hidden"), noinline, no_sanitize("thread"))) void __ubsan_handle_missing_return(
    const hw5::Site *function) {
    hw5_link.runtime.assertion("it ends a function without the value that it returns", *function);
    __builtin_unreachable();
}

// Not the compiler's, so that in check mode only an access outside a local variable executes its instruction (signals.h).
[[noreturn]] static inline void hw5_builtin_trap(HW5_SITE) {
    hw5_fail(hw5::FaultKind::illegal, "ends a program by __builtin_trap()", {file, line});
}
#define __builtin_trap hw5_builtin_trap

[[noreturn]] static inline void __trap(HW5_SITE) {
    hw5_link.runtime.assertion("__trap()", {file, line});
    __builtin_unreachable();
}
