// Fibers: threads that yield explicitly. A switch saves only the registers that a function must preserve.
//
// The hand-written switches for x86-64 and aarch64 take a few nanoseconds. The C library's ucontext is portable, but
// makes a system call at every switch to save the signal mask; HW5_UCONTEXT selects it for tests.
#pragma once
#include <stdint.h>
#include <string.h>

#if !defined(__x86_64__) && !defined(__aarch64__) && !defined(HW5_UCONTEXT)
#define HW5_UCONTEXT
#endif

#ifdef HW5_UCONTEXT
#include <ucontext.h>

namespace hw5 {

struct Fiber {
    ucontext_t context;
};

// Prepare a fiber that enters `entry`, which never returns, on the stack [low, top).
inline void prepare(Fiber &fiber, char *low, char *top, void (*entry)()) {
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = low;
    fiber.context.uc_stack.ss_size = (size_t)(top - low);
    fiber.context.uc_link = nullptr;
    makecontext(&fiber.context, entry, 0);
}

// Suspend `from` and continue `to`.
inline void switch_fiber(Fiber &from, Fiber &to) { swapcontext(&from.context, &to.context); }

}  // namespace hw5

#else

#if defined(__x86_64__)
// Where a fiber goes on is on top of its stack. The compiler saves what it needs of the other registers before the switch.
// The runtime is compiled without a red zone, because the switch pushes.
constexpr int hw5_return_word = 0;
constexpr int hw5_frame_words = 2;  // the address of entry, and the return address that entry never uses
#define HW5_SWITCH(save_stack_pointer, load_stack_pointer)                                                            \
    asm volatile("pushq %%rbp\n\tleaq 1f(%%rip), %%rax\n\tpushq %%rax\n\tmovq %%rsp, (%0)\n\tmovq %1, %%rsp\n\t"         \
                 "popq %%rax\n\tjmp *%%rax\n1:\n\tpopq %%rbp"                                                          \
                 : "+D"(save_stack_pointer), "+S"(load_stack_pointer)                                                 \
                 :                                                                                                    \
                 : "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory", "cc",  \
                   "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",  \
                   "xmm12", "xmm13", "xmm14", "xmm15")
#else
extern "C" void hw5_switch(void **save_stack_pointer, void *load_stack_pointer);
#define HW5_SWITCH(save_stack_pointer, load_stack_pointer) hw5_switch(save_stack_pointer, load_stack_pointer)
constexpr int hw5_return_word = 11;  // x30, the link register
constexpr int hw5_frame_words = 20;
asm(R"(
.text
.globl hw5_switch
.hidden hw5_switch
.type hw5_switch, %function
hw5_switch:
    sub sp, sp, #160
    stp x19, x20, [sp, #0]
    stp x21, x22, [sp, #16]
    stp x23, x24, [sp, #32]
    stp x25, x26, [sp, #48]
    stp x27, x28, [sp, #64]
    stp x29, x30, [sp, #80]
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    mov x9, sp
    str x9, [x0]
    mov sp, x1
    ldp x19, x20, [sp, #0]
    ldp x21, x22, [sp, #16]
    ldp x23, x24, [sp, #32]
    ldp x25, x26, [sp, #48]
    ldp x27, x28, [sp, #64]
    ldp x29, x30, [sp, #80]
    ldp d8, d9, [sp, #96]
    ldp d10, d11, [sp, #112]
    ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    add sp, sp, #160
    ret
.size hw5_switch, . - hw5_switch
)");
#endif

namespace hw5 {

struct Fiber {
    void *stack_pointer;
};

// Prepare a fiber that enters `entry`, which never returns, on the stack [low, top).
inline void prepare(Fiber &fiber, char *, char *top, void (*entry)()) {
    // The stack that hw5_switch leaves: zeros, except for the return address.
    uintptr_t *frame = (uintptr_t *)((uintptr_t)top & ~(uintptr_t)63) - hw5_frame_words;
    memset(frame, 0, hw5_frame_words * sizeof *frame);
    frame[hw5_return_word] = (uintptr_t)entry;
    fiber.stack_pointer = frame;
}

// Suspend `from` and continue `to`.
inline __attribute__((always_inline)) void switch_fiber(Fiber &from, Fiber &to) {
    void **save = &from.stack_pointer, *load = to.stack_pointer;
    HW5_SWITCH(save, load);
}

}  // namespace hw5

#endif
