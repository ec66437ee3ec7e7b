// printf of a kernel, which the runtime prints to where its user wants it.
#pragma once

#define HW5_PRINT extern "C" __attribute__((noinline, no_sanitize("thread")))
HW5_PRINT int vprintf(const char *format, va_list arguments) { return hw5_link.runtime.print(format, arguments); }
HW5_PRINT int printf(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const int result = vprintf(format, arguments);
    va_end(arguments);
    return result;
}
#undef HW5_PRINT
