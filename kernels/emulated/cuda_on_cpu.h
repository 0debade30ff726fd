// CUDA device code on the CPU: a .cu file that includes common.cuh compiles with g++ as it is and runs under the stand-in driver
// (driver.cpp), for tests and debugging without a GPU.
//
// A thread of a block is a fibre: it runs until it waits (for the block, or for its warp) and then others run. Blocks are spread over the
// processor's cores, one at a time on each; a cooperative launch gives every block a system thread of its own, so that they can wait
// for each other. What a GPU would answer with a hang or with garbage is an error of the launch here, with file and line: a barrier that
// only part of a block reaches, or that its threads reach in different places; a lane that waits for one that has ended; an index
// beyond an array; a write outside of the dynamic shared memory, which is full of NaN at first. Races within a block are not found.
#pragma once

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <sys/mman.h>
#if !defined(__x86_64__)
#include <ucontext.h>
#endif
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

// ---- the language ----

#define __global__
#define __device__
#define __host__
#define __constant__ static
#define __shared__ static thread_local
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __restrict__ __restrict
#define __launch_bounds__(...)
#define __grid_constant__
#define __align__(n) __attribute__((aligned(n)))

struct uint3 {
    unsigned x, y, z;
};
struct dim3 {
    unsigned x, y, z;
};
struct alignas(8) float2 {
    float x, y;
};
struct alignas(16) float4 {
    float x, y, z, w;
};
struct alignas(8) uint2 {
    unsigned x, y;
};
struct alignas(16) uint4 {
    unsigned x, y, z, w;
};
static inline float2 make_float2(float x, float y) { return {x, y}; }
static inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
static inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
static inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }

namespace emulated {

constexpr unsigned WARP = 32;

// ---- what a kernel's library offers the driver, by the kernel's name ----

struct Launch {
    dim3 grid, block;
    unsigned shared_bytes;
    bool cooperative;
    void **params;
    // Calls work(context, i) for i from 0 to n - 1, each on a system thread of its own; returns when all are done.
    void (*at_once)(unsigned n, void (*work)(void *context, unsigned i), void *context);
};

// `run` returns an empty text, or what went wrong.
struct Kernel {
    std::string (*run)(const Kernel &, const Launch &);
    void (*body)(void **params);
    const char *name;
    unsigned max_threads;
    size_t args_bytes; // of the first parameter; the second is a pointer
};

// ---- fibres: a stack and a place to go on ----

#if defined(__SANITIZE_ADDRESS__)
constexpr size_t STACK = 1 << 20;
#else
constexpr size_t STACK = 128 << 10;
#endif

struct Context {
#if defined(__x86_64__)
    void *sp = nullptr;
#else
    ucontext_t u;
#endif
    const void *stack = nullptr; // for the sanitizer
    size_t stack_bytes = 0;
    void *fake_stack = nullptr;
};

#if defined(__x86_64__)
extern "C" void emulated_switch(void **save, void *to);
__asm__(".text\n.weak emulated_switch\n.hidden emulated_switch\n.type emulated_switch,@function\nemulated_switch:\n"
        "pushq %rbp\npushq %rbx\npushq %r12\npushq %r13\npushq %r14\npushq %r15\n"
        "movq %rsp, (%rdi)\nmovq %rsi, %rsp\n"
        "popq %r15\npopq %r14\npopq %r13\npopq %r12\npopq %rbx\npopq %rbp\nret\n.size emulated_switch, .-emulated_switch\n");
#endif

static inline void prepare(Context &context, char *stack, void (*entry)()) {
    context.stack = stack;
    context.stack_bytes = STACK;
    context.fake_stack = nullptr;
#if defined(__x86_64__)
    void **sp = reinterpret_cast<void **>(stack + STACK);
    *--sp = nullptr; // so that the stack is aligned as after a call
    *--sp = reinterpret_cast<void *>(entry);
    for (int i = 0; i < 6; i++) *--sp = nullptr;
    context.sp = sp;
#else
    getcontext(&context.u);
    context.u.uc_stack.ss_sp = stack;
    context.u.uc_stack.ss_size = STACK;
    context.u.uc_link = nullptr;
    makecontext(&context.u, entry, 0);
#endif
}

static inline void arrive(Context &from) {
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(from.fake_stack, nullptr, nullptr);
#else
    (void)from;
#endif
}

static inline void change(Context &from, Context &to) {
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(&from.fake_stack, to.stack, to.stack_bytes);
#endif
#if defined(__x86_64__)
    emulated_switch(&from.sp, to.sp);
#else
    swapcontext(&from.u, &to.u);
#endif
    arrive(from);
}

struct Fibre {
    Context context;
    char *stack = static_cast<char *>(mmap(nullptr, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    ~Fibre() { munmap(stack, STACK); }
};

// ---- one block on one system thread ----

enum class State : unsigned char { NEW, READY, AT_BARRIER, IN_WARP, DONE };

struct Thread {
    uint3 index;
    unsigned linear;
    State state;
    Fibre *fibre;
};

// Lanes that meet: what each brings (up to 32 bytes), and who has come.
struct Meeting {
    unsigned mask, arrived;
};

struct Warp {
    Meeting meetings[WARP];
    int open;
    unsigned char brought[WARP][32];
    unsigned char seen[WARP][WARP][32]; // [who looks][whose]: complete when a meeting ends
};

class Worker;
// The worker of this system thread, which threadIdx and the like ask for all the time.
static __thread Worker *current;

class Worker {
  public:
    static Worker &mine() {
        static thread_local Worker worker;
        current = &worker;
        return worker;
    }

    Thread *now = nullptr;
    uint3 block_index{};
    dim3 grid{}, block{};
    char *dynamic_shared() { return shared.data() + GUARD; }

    // Runs one block; false when it failed.
    bool run(const Kernel &kernel, const Launch &launch, uint3 index) {
        body = kernel.body;
        params = launch.params;
        block_index = index;
        grid = launch.grid;
        block = launch.block;
        start(launch.shared_bytes);
        while (error.empty())
            if (next_new < threads.size()) begin_threads();
            else if (queue_at < queue.size()) resume_next();
            else break;
        if (error.empty()) check_end();
        if (!error.empty()) abandon();
        return error.empty();
    }

    std::string error;

    void barrier(const char *file, int line) {
        if (at_barrier == 0) barrier_file = file, barrier_line = line;
        else if (barrier_line != line || std::strcmp(barrier_file, file) != 0)
            fail("threads of a block wait at different barriers, %s:%d and %s:%d", barrier_file, barrier_line, file, line);
        if (++at_barrier == threads.size()) {
            for (Thread &t : threads)
                if (t.state == State::AT_BARRIER) ready(t);
            at_barrier = 0;
            return;
        }
        wait(State::AT_BARRIER);
    }

    // Brings `bytes` of this lane to the lanes of `mask` and waits for theirs: [lane] of the result is what that lane brought.
    const unsigned char (*meet(unsigned mask, const void *value, size_t bytes))[32] {
        unsigned lane = now->linear % WARP;
        Warp &warp = warps[now->linear / WARP];
        if (!(mask >> lane & 1)) fail("lane %u takes part in a warp operation whose mask %#x leaves it out", lane, mask);
        std::memcpy(warp.brought[lane], value, bytes);
        int m = 0;
        while (m < warp.open && warp.meetings[m].mask != mask) m++;
        if (m == warp.open) warp.meetings[warp.open++] = {mask, 0};
        Meeting &meeting = warp.meetings[m];
        meeting.arrived |= 1u << lane;
        if (meeting.arrived == mask) {
            Thread *first = &threads[now->linear - lane];
            for (unsigned other = 0; other < WARP; other++) {
                if (!(mask >> other & 1)) continue;
                std::memcpy(warp.seen[other], warp.brought, sizeof(warp.brought));
                if (other != lane) ready(first[other]);
            }
            meeting = warp.meetings[--warp.open];
        } else
            wait(State::IN_WARP);
        return warp.seen[lane];
    }

    [[noreturn]] void fail(const char *format, ...) __attribute__((format(printf, 2, 3))) {
        char text[512];
        va_list values;
        va_start(values, format);
        std::vsnprintf(text, sizeof(text), format, values);
        va_end(values);
        report(text);
        Thread *t = now;
        change(t->fibre->context, scheduler); // for good
        std::abort();
    }

  private:
    static constexpr size_t GUARD = 64;
    static constexpr unsigned char POISON = 0xFF, FENCE = 0xA5;

    std::vector<Thread> threads;
    std::vector<Warp> warps;
    std::vector<Thread *> queue; // ready to go on
    size_t queue_at = 0;
    std::vector<std::unique_ptr<Fibre>> fibres;
    std::vector<Fibre *> idle;
    std::vector<char> shared;
    size_t shared_bytes = 0;
    Context scheduler;
    Fibre *starting = nullptr;
    unsigned next_new = 0, at_barrier = 0;
    const char *barrier_file = "";
    int barrier_line = 0;
    void (*body)(void **) = nullptr;
    void **params = nullptr;

    void start(unsigned dynamic_bytes) {
        size_t count = size_t(block.x) * block.y * block.z;
        threads.resize(count);
        warps.resize((count + WARP - 1) / WARP);
        unsigned linear = 0;
        for (unsigned z = 0; z < block.z; z++)
            for (unsigned y = 0; y < block.y; y++)
                for (unsigned x = 0; x < block.x; x++, linear++) threads[linear] = {{x, y, z}, linear, State::NEW, nullptr};
        for (Warp &warp : warps) warp.open = 0;
        queue.clear();
        queue_at = next_new = at_barrier = 0;
        error.clear();
        shared_bytes = dynamic_bytes;
        shared.resize(shared_bytes + 2 * GUARD);
        std::memset(shared.data(), FENCE, shared.size());
        std::memset(dynamic_shared(), POISON, shared_bytes);
    }

    void resume_next() {
        now = queue[queue_at++];
        if (queue_at == queue.size()) queue.clear(), queue_at = 0;
        change(scheduler, now->fibre->context);
    }

    void begin_threads() {
        if (idle.empty()) {
            fibres.push_back(std::make_unique<Fibre>());
            idle.push_back(fibres.back().get());
            prepare(idle.back()->context, idle.back()->stack, &enter);
        }
        Fibre *fibre = idle.back();
        idle.pop_back();
        starting = fibre;
        change(scheduler, fibre->context);
    }

    // A fibre runs one thread after the other for as long as they do not wait.
    static void enter() {
        Worker &w = *current;
        Fibre *self = w.starting;
        arrive(self->context);
        for (;;) {
            while (w.error.empty() && w.next_new < w.threads.size()) {
                Thread &t = w.threads[w.next_new++];
                t.fibre = self;
                t.state = State::READY;
                w.now = &t;
                w.body(w.params);
                t.state = State::DONE;
            }
            w.idle.push_back(self);
            change(self->context, w.scheduler);
        }
    }

    void ready(Thread &t) {
        t.state = State::READY;
        queue.push_back(&t);
    }

    void wait(State why) {
        Thread *t = now;
        t->state = why;
        change(t->fibre->context, scheduler);
    }

    void report(const char *text) {
        char where[160];
        std::snprintf(where, sizeof(where), " (block %u,%u,%u, thread %u,%u,%u)", block_index.x, block_index.y, block_index.z, now->index.x,
                      now->index.y, now->index.z);
        if (error.empty()) error = std::string(text) + where;
    }

    // Nobody can go on: all have ended, or some wait for what cannot come.
    void check_end() {
        unsigned in_warp = 0, done = 0;
        for (Thread &t : threads) {
            in_warp += t.state == State::IN_WARP;
            done += t.state == State::DONE;
            if (t.state == State::AT_BARRIER || t.state == State::IN_WARP) now = &t;
        }
        char text[512];
        if (at_barrier > 0) {
            std::snprintf(text, sizeof(text), "only %u of %zu threads reached the barrier at %s:%d; %u have ended, %u wait in their warp",
                          at_barrier, threads.size(), barrier_file, barrier_line, done, in_warp);
            report(text);
        } else if (in_warp > 0) {
            std::snprintf(text, sizeof(text), "%u threads wait in a warp operation for lanes of its mask that do not come; %u have ended",
                          in_warp, done);
            report(text);
        }
        const char *before = shared.data(), *after = dynamic_shared() + shared_bytes;
        for (size_t i = 0; i < GUARD; i++)
            if (before[i] != char(FENCE) || after[i] != char(FENCE)) {
                std::snprintf(text, sizeof(text), "wrote outside of the %zu bytes of dynamic shared memory", shared_bytes);
                report(text);
                break;
            }
    }

    // Forgets what the fibres were doing.
    void abandon() {
        idle.clear();
        for (auto &fibre : fibres) {
            prepare(fibre->context, fibre->stack, &enter);
            idle.push_back(fibre.get());
        }
    }
};

// ---- a grid ----

struct Grid {
    const Kernel &kernel;
    const Launch &launch;
    uint64_t blocks;
    std::atomic<uint64_t> next{0};
    std::mutex lock;
    std::string error;

    // Runs blocks until none are left; in a cooperative launch, one.
    static void work(void *context, unsigned) {
        Grid &grid = *static_cast<Grid *>(context);
        Worker &worker = Worker::mine();
        for (uint64_t i; (i = grid.next++) < grid.blocks;) {
            const dim3 &size = grid.launch.grid;
            if (!worker.run(grid.kernel, grid.launch, {unsigned(i % size.x), unsigned(i / size.x % size.y), unsigned(i / size.x / size.y)})) {
                grid.next = grid.blocks;
                std::lock_guard<std::mutex> hold(grid.lock);
                if (grid.error.empty()) grid.error = worker.error;
            }
            if (grid.launch.cooperative) break;
        }
    }
};

static inline std::string run_grid(const Kernel &kernel, const Launch &launch) {
    Grid grid{kernel, launch, uint64_t(launch.grid.x) * launch.grid.y * launch.grid.z, {}, {}, {}};
    uint64_t cores = std::max(1u, std::thread::hardware_concurrency());
    launch.at_once(unsigned(launch.cooperative ? grid.blocks : std::min(cores, (grid.blocks + 1) / 2)), &Grid::work, &grid);
    return grid.error;
}

static inline unsigned lane() { return current->now->linear % WARP; }

// What the lanes of `mask` brought, in registers of type T.
template <typename T> struct Lanes {
    const unsigned char (*values)[32];
    T operator[](unsigned lane) const {
        T value;
        std::memcpy(&value, values[lane], sizeof(T));
        return value;
    }
};
template <typename T> Lanes<T> meet(unsigned mask, const T &value) {
    static_assert(sizeof(T) <= 32, "more than a lane can bring");
    return {current->meet(mask, &value, sizeof(T))};
}

} // namespace emulated

// ---- built-in names ----

#define threadIdx (::emulated::current->now->index)
#define blockIdx (::emulated::current->block_index)
#define blockDim (::emulated::current->block)
#define gridDim (::emulated::current->grid)
#define warpSize 32
#define __syncthreads() ::emulated::current->barrier(__FILE__, __LINE__)

static inline void __syncwarp(unsigned mask = ~0u) { emulated::meet(mask, 0); }
static inline void __threadfence() { std::atomic_thread_fence(std::memory_order_seq_cst); }
static inline void __threadfence_block() {}
static inline void __nanosleep(unsigned) { std::this_thread::yield(); }

template <typename T> T __shfl_sync(unsigned mask, T value, int from, int width = 32) {
    unsigned lane = emulated::lane();
    return emulated::meet(mask, value)[(lane & ~unsigned(width - 1)) + (unsigned(from) & unsigned(width - 1))];
}
template <typename T> T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32) {
    unsigned lane = emulated::lane(), other = lane ^ unsigned(bits);
    auto all = emulated::meet(mask, value);
    return all[other / unsigned(width) > lane / unsigned(width) ? lane : other];
}
template <typename T> T __shfl_down_sync(unsigned mask, T value, unsigned by, int width = 32) {
    unsigned lane = emulated::lane();
    auto all = emulated::meet(mask, value);
    return all[lane % unsigned(width) + by < unsigned(width) ? lane + by : lane];
}
template <typename T> T __shfl_up_sync(unsigned mask, T value, unsigned by, int width = 32) {
    unsigned lane = emulated::lane();
    auto all = emulated::meet(mask, value);
    return all[lane % unsigned(width) >= by ? lane - by : lane];
}
static inline unsigned __ballot_sync(unsigned mask, int predicate) {
    auto all = emulated::meet(mask, predicate);
    unsigned votes = 0;
    for (unsigned i = 0; i < 32; i++)
        if (mask >> i & 1) votes |= unsigned(all[i] != 0) << i;
    return votes;
}
static inline int __any_sync(unsigned mask, int predicate) { return __ballot_sync(mask, predicate) != 0; }
static inline int __all_sync(unsigned mask, int predicate) { return __ballot_sync(mask, predicate) == mask; }

template <typename T> T atomicAdd(T *at, T value) {
    T old = __atomic_load_n(reinterpret_cast<T *>(at), __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(at, &old, T(old + value), false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {}
    return old;
}
template <typename T> T atomicExch(T *at, T value) { return __atomic_exchange_n(at, value, __ATOMIC_ACQ_REL); }
template <typename T> T atomicCAS(T *at, T expected, T value) {
    __atomic_compare_exchange_n(at, &expected, value, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
    return expected;
}
template <typename T> T __ldg(const T *p) { return *p; }
template <typename T> T __ldcg(const T *p) {
    std::atomic_signal_fence(std::memory_order_seq_cst); // not what was read before
    return *p;
}

static inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
static inline float __fdividef(float a, float b) { return a / b; }
static inline float __frcp_rn(float x) { return 1.0f / x; }
static inline int __float_as_int(float f) {
    int i;
    std::memcpy(&i, &f, 4);
    return i;
}
static inline unsigned __float_as_uint(float f) { return unsigned(__float_as_int(f)); }
static inline float __int_as_float(int i) {
    float f;
    std::memcpy(&f, &i, 4);
    return f;
}
static inline float __uint_as_float(unsigned i) { return __int_as_float(int(i)); }
static inline int __popc(unsigned x) { return __builtin_popcount(x); }
static inline unsigned __umulhi(unsigned a, unsigned b) { return unsigned(uint64_t(a) * b >> 32); }
#define __expf(x) expf(x) // names that glibc keeps for itself
#define __logf(x) logf(x)
using std::max;
using std::min;

// ---- indices beyond an array: gcc calls these for -fsanitize=bounds ----

#if !defined(EMULATED_SANITIZERS) && !defined(EMULATED_DRIVER)
struct emulated_bounds {
    const char *file;
    unsigned line, column;
    const struct {
        unsigned short kind, info;
        char name[1];
    } *array, *index;
};
extern "C" __attribute__((weak, visibility("hidden"))) void __ubsan_handle_out_of_bounds(emulated_bounds *at, uintptr_t index) {
    emulated::current->fail("index %lld out of bounds for %s at %s:%u", (long long)index, at->array->name, at->file, at->line);
}
extern "C" __attribute__((weak, visibility("hidden"))) void __ubsan_handle_out_of_bounds_abort(emulated_bounds *at, uintptr_t index) {
    __ubsan_handle_out_of_bounds(at, index);
}
#endif
