// What the kernels stand on: which instruction sets this processor has, a team of threads, its barrier, and scratch memory.
// Compiled once, for the plainest processor.
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "imu2clip.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define EXPORT __attribute__((visibility("default")))
#define MAX_THREADS 256

// A waiting thread first looks again at once, then lets others run between two looks (on a busy machine it may be waiting for one that
// has no processor), and sleeps after about 100 us, longer than the gap between two kernels of one step.
#define SPINS 200
#define YIELDS 400

typedef void (*kernel_fn)(const void *args, int64_t part, int64_t parts);

EXPORT int imu2clip_abi(void);
EXPORT const char *imu2clip_isas(void);
EXPORT int imu2clip_start(int threads);
EXPORT void imu2clip_run(kernel_fn kernel, const void *args, int64_t parts);
EXPORT void *imu2clip_allocate(int64_t bytes);
EXPORT void imu2clip_release(void *memory, int64_t bytes);

int imu2clip_abi(void) {
    return 2;
}

const char *imu2clip_isas(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
#if defined(HAVE_avx512)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma"))
        return "avx512 avx2 baseline";
#endif
#if defined(HAVE_avx2)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return "avx2 baseline";
#endif
    return "baseline";
#else
    return "baseline";
#endif
}

static inline void cpu_relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

// Waits before look number `look` and returns the next number, which stays where it no longer matters: a wait may be of any length.
static inline int pause_before_look(int look) {
    if (look >= SPINS) {
        sched_yield();
        return look < SPINS + YIELDS ? look + 1 : look;
    }
    cpu_relax();
    return look + 1;
}

// ---- the team: worker w runs part w of every job that has so many parts; the caller runs part 0 ----

// A job is a number that never repeats, and how many parts it has, in one word: a worker that is late must not take the parts of one job
// for those of another. Only workers with a part in the job read the rest of the team's state, and the caller waits for these before
// it changes any.
#define PARTS_BITS 16
#define PARTS(job) ((int64_t)((job) & ((1u << PARTS_BITS) - 1)))

struct worker {
    _Alignas(64) atomic_int asleep;
    pthread_mutex_t lock;
    pthread_cond_t wake;
};

static struct {
    pthread_mutex_t launch; // one kernel at a time
    int threads;
    kernel_fn kernel;
    const void *args;
    _Alignas(64) _Atomic uint64_t job;
    _Alignas(64) atomic_int pending; // workers that have not finished the job
    _Alignas(64) _Atomic int64_t taken; // items of the job that went to somebody
    struct worker workers[MAX_THREADS];
} team = {.launch = PTHREAD_MUTEX_INITIALIZER, .threads = 1};

static int64_t wait_for_part(int64_t part, uint64_t *seen) {
    for (int look = 0; look < SPINS + YIELDS; look = pause_before_look(look)) {
        uint64_t now = atomic_load_explicit(&team.job, memory_order_acquire);
        if (now != *seen && part < PARTS(*seen = now)) return PARTS(now);
    }
    struct worker *self = &team.workers[part];
    pthread_mutex_lock(&self->lock);
    // Either this worker sees the new job below, or who announces it sees this worker asleep.
    atomic_store(&self->asleep, 1);
    for (;;) {
        uint64_t now = atomic_load(&team.job);
        if (now != *seen && part < PARTS(*seen = now)) break;
        pthread_cond_wait(&self->wake, &self->lock);
    }
    atomic_store(&self->asleep, 0);
    pthread_mutex_unlock(&self->lock);
    return PARTS(*seen);
}

static void *work(void *argument) {
    int64_t part = (int64_t)(intptr_t)argument;
    uint64_t seen = 0;
    for (;;) {
        int64_t parts = wait_for_part(part, &seen);
        team.kernel(team.args, part, parts);
        atomic_fetch_sub_explicit(&team.pending, 1, memory_order_release);
    }
    return NULL;
}

// Starts what is missing of the team, as far as the system allows; returns how many threads there are, the caller included.
int imu2clip_start(int threads) {
    pthread_mutex_lock(&team.launch);
    while (team.threads < threads && team.threads < MAX_THREADS) {
        struct worker *worker = &team.workers[team.threads];
        pthread_mutex_init(&worker->lock, NULL);
        pthread_cond_init(&worker->wake, NULL);
        pthread_t thread;
        if (pthread_create(&thread, NULL, work, (void *)(intptr_t)team.threads) != 0) break;
        pthread_detach(thread);
        team.threads++;
    }
    int started = team.threads;
    pthread_mutex_unlock(&team.launch);
    return started;
}

void imu2clip_run(kernel_fn kernel, const void *args, int64_t parts) {
    if (parts <= 1) {
        kernel(args, 0, 1);
        return;
    }
    pthread_mutex_lock(&team.launch);
    parts = MIN(parts, team.threads); // a part without a thread would never be done, and others wait for it at barriers
    team.kernel = kernel;
    team.args = args;
    atomic_store_explicit(&team.pending, (int)parts - 1, memory_order_relaxed);
    atomic_store_explicit(&team.taken, 0, memory_order_relaxed);
    atomic_store(&team.job, (((team.job >> PARTS_BITS) + 1) << PARTS_BITS) | (uint64_t)parts);
    for (int64_t w = 1; w < parts; w++) {
        struct worker *worker = &team.workers[w];
        if (!atomic_load(&worker->asleep)) continue;
        pthread_mutex_lock(&worker->lock);
        pthread_cond_signal(&worker->wake);
        pthread_mutex_unlock(&worker->lock);
    }
    kernel(args, 0, parts);
    for (int look = 0; atomic_load_explicit(&team.pending, memory_order_acquire) > 0;) look = pause_before_look(look);
    pthread_mutex_unlock(&team.launch);
}

// Large pieces first and smaller ones towards the end, so that all parts end at about the same time.
int imu2clip_take(int64_t items, int64_t parts, struct range *r) {
    if (parts <= 1) {
        int first = r->to < items;
        *r = (struct range){0, items};
        return first;
    }
    int64_t from = atomic_load_explicit(&team.taken, memory_order_relaxed), count;
    do {
        if (from >= items) return 0;
        count = MAX(1, (items - from) / (2 * parts));
    } while (!atomic_compare_exchange_weak_explicit(&team.taken, &from, from + count, memory_order_relaxed, memory_order_relaxed));
    *r = (struct range){from, from + count};
    return 1;
}

// ---- barrier among the parts of the running kernel ----

static _Alignas(64) atomic_int barrier_waiting;
static _Alignas(64) atomic_uint barrier_phase;

void imu2clip_barrier(int64_t parts) {
    if (parts <= 1) return;
    unsigned phase = atomic_load_explicit(&barrier_phase, memory_order_acquire);
    if (atomic_fetch_add_explicit(&barrier_waiting, 1, memory_order_acq_rel) == (int)parts - 1) {
        atomic_store_explicit(&barrier_waiting, 0, memory_order_relaxed);
        atomic_store_explicit(&barrier_phase, phase + 1, memory_order_release);
        return;
    }
    for (int look = 0; atomic_load_explicit(&barrier_phase, memory_order_acquire) == phase;) look = pause_before_look(look);
}

// ---- scratch: grows to the largest size asked for and stays while its thread lives; under a sanitizer it is of the exact size and new
// every time ----

#if defined(__SANITIZE_ADDRESS__)
#define SCRATCH_FITS(have, bytes) 0
#define SCRATCH_GRAIN 1
#else
#define SCRATCH_FITS(have, bytes) ((have) >= (bytes))
#define SCRATCH_GRAIN 4096
#endif

#define SLOTS 4

struct scratch {
    void *block[SLOTS];
    size_t bytes[SLOTS];
};

// Not itself thread-local: it is freed when its thread ends, and by then thread-local memory may be gone.
static _Thread_local struct scratch *scratch;
static pthread_key_t scratch_key;
static pthread_once_t scratch_once = PTHREAD_ONCE_INIT;

static void free_scratch(void *value) {
    struct scratch *s = value;
    for (int i = 0; i < SLOTS; i++) free(s->block[i]);
    free(s);
}

static void create_scratch_key(void) {
    if (pthread_key_create(&scratch_key, free_scratch) != 0) abort();
}

// The end, as a last resort. Sizes follow the width of a layer and the length of a sequence, not the data set: some KiB to some MiB,
// beside tensors that are far larger and whose allocation fails with a Java error. Here no error can be returned: other parts of the
// kernel may wait at a barrier for this one, results are half written, and going on would give wrong numbers.
static void out_of_memory(size_t bytes) {
    fprintf(stderr, "imu2clip: out of memory: the system has no %zu bytes left for a kernel to work in; give the process more or use a smaller "
            "batch, model or number of threads\n", bytes);
    abort();
}

void *imu2clip_scratch(int slot, size_t bytes) {
    if (!scratch) {
        pthread_once(&scratch_once, create_scratch_key);
        scratch = calloc(1, sizeof(struct scratch));
        if (!scratch || pthread_setspecific(scratch_key, scratch) != 0) out_of_memory(sizeof(struct scratch));
    }
    if (!SCRATCH_FITS(scratch->bytes[slot], bytes)) {
        free(scratch->block[slot]);
        scratch->block[slot] = NULL;
        if (bytes > SIZE_MAX - SCRATCH_GRAIN) out_of_memory(bytes);
        size_t rounded = (bytes + SCRATCH_GRAIN - 1) / SCRATCH_GRAIN * SCRATCH_GRAIN;
        if (posix_memalign(&scratch->block[slot], 64, rounded) != 0) out_of_memory(rounded);
        scratch->bytes[slot] = rounded;
    }
    return scratch->block[slot];
}

// ---- memory in huge pages ----

// Weights are read front to back once for every product: with pages of 4 KiB a good part of that time goes into address translation.
#define HUGE_PAGE ((size_t)2 << 20)

static size_t whole_pages(int64_t bytes) { return ((size_t)bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE; }

// Zeroed memory that begins and ends at huge pages, which the system uses where it can; NULL where there is none left.
void *imu2clip_allocate(int64_t bytes) {
    size_t size = whole_pages(bytes);
    char *mapped = mmap(NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) return NULL;
    char *memory = (char *)(((uintptr_t)mapped + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE);
    size_t before = (size_t)(memory - mapped);
    if (before > 0) munmap(mapped, before);
    munmap(memory + size, HUGE_PAGE - before);
#ifdef MADV_HUGEPAGE
    madvise(memory, size, MADV_HUGEPAGE);
#endif
    return memory;
}

void imu2clip_release(void *memory, int64_t bytes) {
    munmap(memory, whole_pages(bytes));
}
