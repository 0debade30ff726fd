// Fibres: a stack, and a place on it to go on from. Only the one that runs uses its system thread; it changes to another by its own will.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if !defined(__x86_64__)
#error "the emulated device is for x86-64"
#endif

namespace emulated {

#if defined(__SANITIZE_ADDRESS__)
constexpr uintptr_t STACK = 256 << 10;
#else
constexpr uintptr_t STACK = 128 << 10;
#endif

struct Context {
    void *sp = nullptr;
#if defined(__SANITIZE_ADDRESS__)
    const void *stack = nullptr;
    size_t stack_bytes = 0;
    void *fake_stack = nullptr;
#endif
};

struct Thread;
class Worker;

// Lies at the top of its stack, whose address is a multiple of STACK: so the code that runs on it finds it from the address of its frame.
struct alignas(64) Fibre {
    Context context;
    Thread *thread = nullptr;
    Worker *worker = nullptr;
};

// Not in the same place on every stack: all of those would lie in the same few lines of the cache.
inline Fibre *fibre_of(uintptr_t address) {
    uintptr_t stack = address & ~(STACK - 1);
    return reinterpret_cast<Fibre *>(stack + STACK - sizeof(Fibre) - stack / STACK % 256 * 128);
}
// The fibre that this code runs on.
__attribute__((always_inline)) inline Fibre *current() { return fibre_of(reinterpret_cast<uintptr_t>(__builtin_frame_address(0))); }

// Keeps the registers that a function call must keep, and the place to return to.
extern "C" void emulated_switch(void **save, void *to);
__asm__(".text\n.weak emulated_switch\n.hidden emulated_switch\n.type emulated_switch,@function\nemulated_switch:\n"
        "pushq %rbp\npushq %rbx\npushq %r12\npushq %r13\npushq %r14\npushq %r15\n"
        "movq %rsp, (%rdi)\nmovq %rsi, %rsp\n"
        "popq %r15\npopq %r14\npopq %r13\npopq %r12\npopq %rbx\npopq %rbp\nret\n.size emulated_switch, .-emulated_switch\n");

// After every change, on the other side; the first to come from a system thread's own stack learns where that is.
inline void arrived(Context &here, Context *from = nullptr) {
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(here.fake_stack, from ? &from->stack : nullptr, from ? &from->stack_bytes : nullptr);
#else
    (void)here, (void)from;
#endif
}

inline void change(Context &from, Context &to) {
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(&from.fake_stack, to.stack, to.stack_bytes);
#endif
    emulated_switch(&from.sp, to.sp);
    arrived(from);
}

// A fibre that will begin with `entry`; what the stack was used for before is forgotten.
inline Fibre *make_fibre(char *stack, void (*entry)(), Worker *worker) {
    Fibre *place = fibre_of(reinterpret_cast<uintptr_t>(stack));
#if defined(__SANITIZE_ADDRESS__)
    __asan_unpoison_memory_region(reinterpret_cast<char *>(place) - 4096, 4096 + sizeof(Fibre)); // of what never came to its end
#endif
    Fibre *fibre = new (static_cast<void *>(place)) Fibre;
    fibre->worker = worker;
    void **sp = reinterpret_cast<void **>(fibre);
    *--sp = nullptr; // so that the stack is aligned as after a call, and a debugger sees its end
    *--sp = reinterpret_cast<void *>(entry);
    for (int i = 0; i < 6; i++) *--sp = nullptr;
    fibre->context.sp = sp;
#if defined(__SANITIZE_ADDRESS__)
    fibre->context.stack = stack;
    fibre->context.stack_bytes = STACK;
#endif
    return fibre;
}

} // namespace emulated
