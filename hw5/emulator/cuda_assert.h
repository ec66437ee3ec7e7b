// assert and __trap end the launch with a report, not the process. <assert.h> may be included again at any time and
// then defines the macro assert anew, so it is the function behind it that is replaced.
#pragma once

#define __assert_fail hw5_assert_fail
#include <assert.h>

extern "C" inline void hw5_assert_fail(const char *expression, const char *file, unsigned line,
                                       const char *) noexcept {
    hw5_link.runtime.assertion(expression, {file, (int)line});
    __builtin_unreachable();
}

[[noreturn]] static inline void __trap(HW5_SITE) {
    hw5_link.runtime.assertion("__trap()", {file, line});
    __builtin_unreachable();
}
