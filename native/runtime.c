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

int imu2clip_abi(void) {
    return 1;
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

static inline void pause_before_look(int look) {
    if (look < SPINS) cpu_relax();
    else sched_yield();
}

// ---- the team: worker w runs part w of every job; the caller runs part 0 ----

static struct {
    pthread_mutex_t launch; // one kernel at a time
    pthread_mutex_t sleep;
    pthread_cond_t wake;
    int threads;
    kernel_fn kernel;
    const void *args;
    int64_t parts;
    _Alignas(64) atomic_uint job;     // counts jobs; a change is the signal to start
    _Alignas(64) atomic_int sleepers;
    _Alignas(64) atomic_int pending;  // workers that have not finished the job
} team = {.launch = PTHREAD_MUTEX_INITIALIZER, .sleep = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};

static unsigned wait_for_job(unsigned seen) {
    for (int i = 0; i < SPINS + YIELDS; i++) {
        unsigned now = atomic_load_explicit(&team.job, memory_order_acquire);
        if (now != seen) return now;
        pause_before_look(i);
    }
    pthread_mutex_lock(&team.sleep);
    atomic_fetch_add(&team.sleepers, 1);
    unsigned now;
    while ((now = atomic_load(&team.job)) == seen) pthread_cond_wait(&team.wake, &team.sleep);
    atomic_fetch_sub(&team.sleepers, 1);
    pthread_mutex_unlock(&team.sleep);
    return now;
}

static void *work(void *argument) {
    int64_t part = (int64_t)(intptr_t)argument;
    unsigned seen = 0;
    for (;;) {
        seen = wait_for_job(seen);
        if (part < team.parts) team.kernel(team.args, part, team.parts);
        atomic_fetch_sub_explicit(&team.pending, 1, memory_order_release);
    }
    return NULL;
}

// Starts the team once; returns how many threads there are, the caller included.
int imu2clip_start(int threads) {
    pthread_mutex_lock(&team.launch);
    if (team.threads == 0) {
        team.threads = 1;
        for (int w = 1; w < threads && w < MAX_THREADS; w++) {
            pthread_t thread;
            if (pthread_create(&thread, NULL, work, (void *)(intptr_t)w) != 0) break;
            pthread_detach(thread);
            team.threads++;
        }
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
    team.kernel = kernel;
    team.args = args;
    team.parts = parts;
    atomic_store_explicit(&team.pending, team.threads - 1, memory_order_relaxed);
    atomic_fetch_add(&team.job, 1);
    if (atomic_load(&team.sleepers) > 0) {
        pthread_mutex_lock(&team.sleep);
        pthread_cond_broadcast(&team.wake);
        pthread_mutex_unlock(&team.sleep);
    }
    kernel(args, 0, parts);
    for (int i = 0; atomic_load_explicit(&team.pending, memory_order_acquire) > 0; i++) pause_before_look(i);
    pthread_mutex_unlock(&team.launch);
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
    for (int i = 0; atomic_load_explicit(&barrier_phase, memory_order_acquire) == phase; i++) pause_before_look(i);
}

// ---- scratch: grows to the largest size asked for and stays; under a sanitizer it is of the exact size and new every time ----

#if defined(__SANITIZE_ADDRESS__)
#define SCRATCH_FITS(have, bytes) 0
#define SCRATCH_GRAIN 1
#else
#define SCRATCH_FITS(have, bytes) ((have) >= (bytes))
#define SCRATCH_GRAIN 4096
#endif

static _Thread_local struct {
    void *block;
    size_t bytes;
} scratch[4];

void *imu2clip_scratch(int slot, size_t bytes) {
    if (!SCRATCH_FITS(scratch[slot].bytes, bytes)) {
        free(scratch[slot].block);
        size_t rounded = (bytes + SCRATCH_GRAIN - 1) / SCRATCH_GRAIN * SCRATCH_GRAIN;
        if (posix_memalign(&scratch[slot].block, 64, rounded) != 0) {
            // A few MiB at most: when even that is not to be had, nothing can go on.
            fprintf(stderr, "imu2clip: out of memory: a kernel needs %zu bytes of scratch\n", rounded);
            abort();
        }
        scratch[slot].bytes = rounded;
    }
    return scratch[slot].block;
}
