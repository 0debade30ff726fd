// One block of a kernel on one system thread. A thread of the block is a fibre: it runs until it waits, for the block or for its warp,
// and then another goes on. A fibre whose thread has ended takes the next thread, so a kernel that never waits needs one.
#pragma once

#include "fibre.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <link.h>

struct uint3 {
    unsigned x, y, z;
};
struct dim3 {
    unsigned x, y, z;
};

namespace emulated {

constexpr unsigned WARP = 32;
constexpr size_t LANE_BYTES = 32; // the most that a lane brings to its warp

// ---- what a kernel's library and the driver know of each other ----

// What the driver lends.
struct Host {
    // Calls work(context, i) for i from 0 to n - 1, each on a system thread of its own; returns when all are done. False where the
    // system gives no more threads.
    bool (*at_once)(unsigned n, void (*work)(void *context, unsigned i), void *context);
    // A stack: STACK bytes at a multiple of STACK.
    char *(*take_stack)();
    void (*give_stacks)(char *const *stacks, size_t n);
    unsigned (*patience)(); // for how many seconds a thread waits for what does not come
};

struct Launch {
    dim3 grid, block;
    unsigned shared_bytes;
    bool cooperative;
    void **params;
    const Host *host;
};

// `run` returns an empty text, or what went wrong.
struct Kernel {
    std::string (*run)(const Kernel &, const Launch &);
    void (*body)(void **params);
    const char *name;
    unsigned max_threads;
    size_t args_bytes; // of the first parameter; the second is a pointer
};

// ---- the parts of a block ----

// Where in the source something is: the place of the call, where it is the default of a parameter.
struct Where {
    const char *file;
    int line;
    static constexpr Where here(const char *file = __builtin_FILE(), int line = __builtin_LINE()) { return {file, line}; }
    bool operator==(const Where &other) const { return line == other.line && std::strcmp(file, other.file) == 0; }
};

// Lanes of a warp that come together, and what each brings. Others may meet again before all have looked at what was brought, so
// a meeting is used again only when nobody looks any more.
struct Meeting {
    unsigned mask = 0, arrived = 0, looking = 0;
    const char *operation = "";
    unsigned char brought[WARP][LANE_BYTES];
};

enum class State : unsigned char { READY, AT_BARRIER, IN_WARP, DONE };

struct Thread {
    uint3 index;
    unsigned linear;
    State state;
    Fibre *fibre;
    Meeting *seen; // the last one it was in
    Where waits;
};

// ---- a grid ----

struct Grid {
    const Kernel &kernel;
    const Launch &launch;
    uint64_t blocks;
    std::atomic<uint64_t> next{0};
    std::atomic<uint64_t> progress{0}; // barriers passed and blocks ended: what a waiting block watches
    std::atomic<bool> failed{false};
    std::mutex lock;
    std::string error{};

    void fail(const std::string &why) {
        std::lock_guard<std::mutex> hold(lock);
        if (error.empty()) error = why;
        failed = true;
    }

    static void work(void *context, unsigned);
};

// ---- static shared memory ----

// __shared__ arrays are thread-local variables, and this library has no others: all of them are full of NaN when a block begins.
inline void poison_static_shared() {
    static thread_local char inside;
    struct Segment {
        char *anchor;
        size_t before, bytes;
    };
    char *anchor = &inside;
    __asm__("" : "+r"(anchor)); // or the compiler thinks that only one byte is there
    static const Segment segment = [](char *at) {
        Segment found{at, 0, 0};
        dl_iterate_phdr(
            [](dl_phdr_info *info, size_t, void *data) {
                Segment &wanted = *static_cast<Segment *>(data);
                for (int i = 0; i < info->dlpi_phnum; i++) {
                    const auto &header = info->dlpi_phdr[i];
                    char *start = static_cast<char *>(info->dlpi_tls_data);
                    if (header.p_type != PT_TLS || !start || wanted.anchor < start || wanted.anchor >= start + header.p_memsz) continue;
                    wanted.before = size_t(wanted.anchor - start);
                    wanted.bytes = header.p_memsz;
                }
                return 0;
            },
            &found);
        return found;
    }(anchor);
    std::memset(anchor - segment.before, 0xFF, segment.bytes);
}

// ---- a block ----

class Worker {
  public:
    uint3 block_index{};
    const dim3 grid, block;
    std::string error;

    explicit Worker(Grid &of)
        : grid(of.launch.grid), block(of.launch.block), whole(of), launch(of.launch), threads(size_t(block.x) * block.y * block.z),
          warps((threads.size() + WARP - 1) / WARP), shared(launch.shared_bytes + 2 * GUARD) {
        unsigned linear = 0;
        for (unsigned z = 0; z < block.z; z++)
            for (unsigned y = 0; y < block.y; y++)
                for (unsigned x = 0; x < block.x; x++, linear++) threads[linear].index = {x, y, z}, threads[linear].linear = linear;
    }
    ~Worker() { launch.host->give_stacks(stacks.data(), stacks.size()); }
    Worker(const Worker &) = delete;

    // Runs one block; where it failed there is an error, and this worker can run no other.
    bool run(uint3 index) {
        block_index = index;
        for (Thread &t : threads) t.state = State::READY, t.seen = nullptr;
        for (auto &warp : warps)
            for (auto &meeting : warp) meeting->mask = meeting->looking = 0;
        queue.clear();
        queue_at = next_new = at_barrier = 0;
        std::memset(shared.data(), FENCE, shared.size());
        std::memset(dynamic_shared(), POISON, launch.shared_bytes);
        poison_static_shared();
        change(scheduler, next());
        if (error.empty()) check_end();
        return error.empty();
    }

    char *dynamic_shared() { return shared.data() + GUARD; }

    void barrier(Where where) {
        Thread &t = *current()->thread;
        if (at_barrier == 0) barrier_at = where;
        else if (!(barrier_at == where))
            fail("threads of a block wait at different barriers, %s:%d and %s:%d", barrier_at.file, barrier_at.line, where.file,
                 where.line);
        if (++at_barrier < threads.size()) return wait(t, State::AT_BARRIER, where);
        at_barrier = 0;
        whole.progress.fetch_add(1, std::memory_order_relaxed);
        for (Thread &other : threads)
            if (other.state == State::AT_BARRIER) ready(other);
    }

    // Brings `bytes` of this lane to the lanes of `mask` and waits for theirs. The result holds until this lane meets others again.
    const Meeting &meet(unsigned mask, const char *operation, const void *value, size_t bytes, Where where) {
        Thread &t = *current()->thread;
        unsigned lane = t.linear % WARP;
        if (!(mask >> lane & 1))
            fail("lane %u takes part in %s at %s:%d, whose mask %#x leaves it out", lane, operation, where.file, where.line, mask);
        if (t.seen) t.seen->looking--;
        Meeting &meeting = *(t.seen = join(warps[t.linear / WARP], mask));
        if (meeting.arrived == 0) meeting.operation = operation;
        else if (std::strcmp(meeting.operation, operation) != 0)
            fail("lanes of a warp wait for each other in %s and in %s at %s:%d", meeting.operation, operation, where.file, where.line);
        std::memcpy(meeting.brought[lane], value, bytes);
        meeting.arrived |= 1u << lane;
        meeting.looking++;
        if (meeting.arrived != mask) {
            wait(t, State::IN_WARP, where);
            return meeting;
        }
        Thread *first = &t - lane;
        for (unsigned other = 0; other < WARP; other++)
            if (other != lane && mask >> other & 1) ready(first[other]);
        return meeting;
    }

    // A thread that looks again and again for what another does: lets the others of its block go on, and ends where nothing happens
    // any more.
    void poll(Where where) {
        if (++polls % 64 == 0) {
            if (whole.failed) stop();
            uint64_t progress = whole.progress.load(std::memory_order_relaxed);
            auto now = std::chrono::steady_clock::now();
            if (progress != seen_progress) seen_progress = progress, progress_at = now;
            if (now - progress_at > std::chrono::seconds(launch.host->patience()))
                fail("waits at %s:%d for what does not come%s", where.file, where.line,
                     launch.cooperative ? "" : ": only in a cooperative launch all blocks run at once");
            std::this_thread::yield();
        }
        Thread &t = *current()->thread;
        ready(t);
        leave(t, next_new < threads.size() ? fresh() : next());
    }

    // The same for what a thread may do often and to good purpose.
    void glance(Where where) {
        if (++glances % 256 == 0) poll(where);
    }

    [[noreturn]] void fail(const char *format, ...) __attribute__((format(printf, 2, 3))) {
        char text[512];
        va_list values;
        va_start(values, format);
        std::vsnprintf(text, sizeof(text), format, values);
        va_end(values);
        report(text, *current()->thread);
        stop();
    }

  private:
    static constexpr size_t GUARD = 64;
    static constexpr unsigned char POISON = 0xFF, FENCE = 0xA5;

    Grid &whole;
    const Launch &launch;
    std::vector<Thread> threads;
    std::vector<std::vector<std::unique_ptr<Meeting>>> warps;
    std::vector<char> shared;
    std::vector<Thread *> queue; // those that waited and can go on, from queue_at
    size_t queue_at = 0;
    std::vector<char *> stacks;
    std::vector<Fibre *> idle;
    Context scheduler;
    unsigned next_new = 0, at_barrier = 0;
    Where barrier_at{};
    unsigned polls = 0, glances = 0;
    uint64_t seen_progress = 0;
    std::chrono::steady_clock::time_point progress_at = std::chrono::steady_clock::now();

    // The meeting of these lanes that still waits for some, or a new one.
    static Meeting *join(std::vector<std::unique_ptr<Meeting>> &warp, unsigned mask) {
        Meeting *unused = nullptr;
        for (auto &meeting : warp) {
            if (meeting->mask == mask && meeting->arrived != mask) return meeting.get();
            if (meeting->looking == 0) unused = meeting.get();
        }
        if (!unused) warp.push_back(std::make_unique<Meeting>()), unused = warp.back().get();
        unused->mask = mask;
        unused->arrived = unused->looking = 0;
        return unused;
    }

    void ready(Thread &t) {
        t.state = State::READY;
        queue.push_back(&t);
    }

    void wait(Thread &t, State why, Where where) {
        t.state = why;
        t.waits = where;
        leave(t, next());
    }

    void leave(Thread &t, Context &to) {
        if (&to != &t.fibre->context) change(t.fibre->context, to);
    }

    // Who goes on: those that can before new ones, so that the warps of a block run one after the other.
    Context &next() {
        if (!error.empty()) return scheduler;
        if (queue_at < queue.size()) {
            Thread *t = queue[queue_at++];
            if (queue_at == queue.size()) queue.clear(), queue_at = 0;
            return t->fibre->context;
        }
        return next_new < threads.size() ? fresh() : scheduler;
    }

    Context &fresh() {
        if (idle.empty()) {
            stacks.push_back(launch.host->take_stack());
            return make_fibre(stacks.back(), &begin, this)->context;
        }
        Fibre *fibre = idle.back();
        idle.pop_back();
        return fibre->context;
    }

    // Where a fibre begins: with the next new thread, again and again.
    static void begin() {
        Fibre *self = current();
        Worker &w = *self->worker;
        arrived(self->context, w.stacks.size() == 1 ? &w.scheduler : nullptr);
        for (;;) {
            Thread &t = w.threads[w.next_new++];
            t.fibre = self;
            self->thread = &t;
            w.whole.kernel.body(w.launch.params);
            t.state = State::DONE;
            if (w.error.empty() && w.queue.empty() && w.next_new < w.threads.size()) continue;
            Context &to = w.next();
            w.idle.push_back(self); // to be taken for a new thread
            change(self->context, to);
        }
    }

    // Leaves this thread for good.
    [[noreturn]] void stop() {
        if (error.empty()) error = "stopped, for another block failed";
        change(current()->context, scheduler);
        std::abort();
    }

    void report(const char *text, const Thread &t) {
        char where[160];
        std::snprintf(where, sizeof(where), " (block %u,%u,%u, thread %u,%u,%u)", block_index.x, block_index.y, block_index.z, t.index.x,
                      t.index.y, t.index.z);
        if (error.empty()) error = std::string(text) + where;
    }

    // Nobody can go on: all have ended, or some wait for what cannot come.
    void check_end() {
        unsigned in_warp = 0, done = 0;
        Thread *waiting = &threads[0];
        for (Thread &t : threads) {
            in_warp += t.state == State::IN_WARP;
            done += t.state == State::DONE;
            if (t.state != State::DONE) waiting = &t;
        }
        char text[512];
        if (at_barrier > 0) {
            std::snprintf(text, sizeof(text), "only %u of %zu threads reached the barrier at %s:%d; %u have ended, %u wait in their warp",
                          at_barrier, threads.size(), barrier_at.file, barrier_at.line, done, in_warp);
            report(text, *waiting);
        } else if (in_warp > 0) {
            std::snprintf(text, sizeof(text), "%u threads wait in %s at %s:%d for lanes of its mask that do not come; %u have ended",
                          in_warp, waiting->seen->operation, waiting->waits.file, waiting->waits.line, done);
            report(text, *waiting);
        }
        const char *before = shared.data(), *after = dynamic_shared() + launch.shared_bytes;
        for (size_t i = 0; i < GUARD; i++)
            if (before[i] != char(FENCE) || after[i] != char(FENCE)) {
                std::snprintf(text, sizeof(text), "wrote outside of the %u bytes of dynamic shared memory", launch.shared_bytes);
                report(text, *waiting);
                break;
            }
    }
};

// Runs blocks until none are left; in a cooperative launch, one.
inline void Grid::work(void *context, unsigned) {
    Grid &grid = *static_cast<Grid *>(context);
    const dim3 &size = grid.launch.grid;
    Worker worker(grid);
    for (uint64_t i; !grid.failed && (i = grid.next++) < grid.blocks;) {
        uint3 index{unsigned(i % size.x), unsigned(i / size.x % size.y), unsigned(i / size.x / size.y)};
        if (!worker.run(index)) return grid.fail(worker.error);
        grid.progress.fetch_add(1, std::memory_order_relaxed);
        if (grid.launch.cooperative) return;
    }
}

inline std::string run_grid(const Kernel &kernel, const Launch &launch) {
    Grid grid{kernel, launch, uint64_t(launch.grid.x) * launch.grid.y * launch.grid.z, {}, {}, {}, {}, {}};
    uint64_t cores = std::max(1u, std::thread::hardware_concurrency());
    unsigned n = unsigned(launch.cooperative ? grid.blocks : std::min(cores, (grid.blocks + 1) / 2));
    if (!launch.host->at_once(n, &Grid::work, &grid)) return "the system gives no " + std::to_string(n) + " threads";
    return grid.error;
}

} // namespace emulated
