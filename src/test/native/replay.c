// Replays recorded kernel calls (RecordingBackend describes the file) against a library of compiled kernels:
//
//   replay LIBRARY ISA CALLS
//
// Every call runs in 1, 2, 3 and 7 parts. The first result is compared with the recorded one, the others with the first, bit by bit.
// Each tensor has a block of memory of its own and of exactly its size, so that a sanitizer sees every byte read or written outside.
#include <dlfcn.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FIELDS 64
#define MAX_REPORTS 20

enum type { F32, F64, BF16, F16, I32, I64, BOOL };

struct block {
    int64_t bytes, type, written;
    unsigned char *before, *after, *first, *now;
};

struct call {
    char symbol[128];
    double tolerance;
    int64_t blocks, fields;
    struct block block[MAX_FIELDS];
    int64_t field[MAX_FIELDS][2]; // block or -1, offset or number
};

static FILE *calls;
static int failures;
static int64_t compared;

static void *read_bytes(size_t n) {
    void *bytes = malloc(n);
    if ((n && !bytes) || fread(bytes, 1, n, calls) != n) {
        fprintf(stderr, "the file of calls ends too early\n");
        exit(2);
    }
    return bytes;
}

static int64_t read_number(void) {
    int64_t *number = read_bytes(8), value = *number;
    free(number);
    return value;
}

static int read_call(struct call *c) {
    int ahead = getc(calls);
    if (ahead == EOF) return 0;
    ungetc(ahead, calls);
    memset(c, 0, sizeof(*c));
    int64_t length = read_number(), tolerance;
    char *symbol = read_bytes((size_t)length);
    snprintf(c->symbol, sizeof(c->symbol), "%.*s", (int)length, symbol);
    free(symbol);
    tolerance = read_number();
    memcpy(&c->tolerance, &tolerance, 8);
    c->blocks = read_number();
    for (struct block *b = c->block; b < c->block + c->blocks; b++) {
        b->bytes = read_number();
        b->type = read_number();
        b->written = read_number();
        b->before = read_bytes((size_t)b->bytes);
        if (b->written) b->after = read_bytes((size_t)b->bytes);
    }
    c->fields = read_number();
    for (int64_t i = 0; i < c->fields; i++)
        for (int j = 0; j < 2; j++) c->field[i][j] = read_number();
    return 1;
}

static void free_call(struct call *c) {
    for (struct block *b = c->block; b < c->block + c->blocks; b++) {
        free(b->before);
        free(b->after);
        free(b->first);
    }
}

static void fail(const struct call *c, const struct block *b, const char *what, int64_t parts, int64_t at, double expected, double actual) {
    if (failures++ >= MAX_REPORTS) return;
    printf("%s, tensor %d [%lld], %lld parts: %s: expected %.9g, got %.9g; numbers:", c->symbol, (int)(b - c->block), (long long)at,
           (long long)parts, what, expected, actual);
    for (int64_t i = 0; i < c->fields; i++) if (c->field[i][0] < 0) printf(" %lld", (long long)c->field[i][1]);
    printf("\n");
}

static double element(const struct block *b, const unsigned char *bytes, int64_t i) {
    float f32;
    double f64;
    int32_t i32;
    int64_t i64;
    uint16_t u16;
    switch (b->type) {
        case F32: memcpy(&f32, bytes + i * 4, 4); return f32;
        case F64: memcpy(&f64, bytes + i * 8, 8); return f64;
        case I32: memcpy(&i32, bytes + i * 4, 4); return i32;
        case I64: memcpy(&i64, bytes + i * 8, 8); return (double)i64;
        case BOOL: return bytes[i];
        default: memcpy(&u16, bytes + i * 2, 2); return u16;
    }
}

// Floating-point numbers up to the call's tolerance, everything else exactly. What the definition left untouched may hold anything.
static void compare(const struct call *c, const struct block *b) {
    static const int64_t sizes[] = {4, 8, 2, 2, 4, 8, 1};
    static const unsigned char untouched[] = {255, 255, 255, 255, 255, 255, 255, 255};
    int64_t size = sizes[b->type], n = b->bytes / size;
    double largest = 1;
    for (int64_t i = 0; i < n; i++) if (isfinite(element(b, b->after, i))) largest = fmax(largest, fabs(element(b, b->after, i)));
    double allowed = b->type == F32 || b->type == F64 ? c->tolerance * largest : 0;
    for (int64_t i = 0; i < n; i++) {
        if (size >= 4 && memcmp(b->after + i * size, untouched, (size_t)size) == 0) continue;
        double expected = element(b, b->after, i), actual = element(b, b->first, i);
        compared++;
        if (expected == actual || (isnan(expected) && isnan(actual)) || fabs(expected - actual) <= allowed) continue;
        fail(c, b, "differs from the definition", 1, i, expected, actual);
        return;
    }
}

typedef void (*kernel)(const void *args, int64_t part, int64_t parts);
typedef void (*runner)(kernel, const void *args, int64_t parts);

static void replay(struct call *c, kernel k, runner run, int64_t parts) {
    int64_t args[MAX_FIELDS];
    for (struct block *b = c->block; b < c->block + c->blocks; b++) {
        b->now = malloc((size_t)b->bytes);
        memcpy(b->now, b->before, (size_t)b->bytes);
    }
    for (int64_t i = 0; i < c->fields; i++) {
        int64_t block = c->field[i][0], value = c->field[i][1];
        args[i] = block < 0 ? value : (int64_t)(intptr_t)(c->block[block].now + value);
    }
    run(k, args, parts);
    for (struct block *b = c->block; b < c->block + c->blocks; b++) {
        unsigned char *expected = b->written ? b->first : b->before;
        if (!expected) {
            b->first = b->now;
            compare(c, b);
            continue;
        }
        int64_t at = 0;
        while (at < b->bytes && expected[at] == b->now[at]) at++;
        const char *what = b->written ? "depends on the number of parts, from this byte on" : "an input changed";
        if (at < b->bytes) fail(c, b, what, parts, at, expected[at], b->now[at]);
        free(b->now);
    }
}

int main(int argc, char **argv) {
    static const int64_t parts[] = {1, 2, 3, 7};
    static struct call c;
    void *library = argc == 4 ? dlopen(argv[1], RTLD_NOW) : NULL;
    calls = argc == 4 ? fopen(argv[3], "rb") : NULL;
    if (!library || !calls) {
        fprintf(stderr, "usage: replay LIBRARY ISA CALLS; %s\n", argc == 4 && !library ? dlerror() : "");
        return 2;
    }
    int (*start)(int) = (int (*)(int))(intptr_t)dlsym(library, "imu2clip_start");
    runner run = (runner)(intptr_t)dlsym(library, "imu2clip_run");
    if (start(7) != 7) return 2;
    int64_t done = 0;
    for (; read_call(&c); done++) {
        char symbol[256];
        snprintf(symbol, sizeof(symbol), "%s_%s", c.symbol, argv[2]);
        kernel k = (kernel)(intptr_t)dlsym(library, symbol);
        if (!k) {
            printf("no kernel %s\n", symbol);
            failures++;
        } else {
            for (int i = 0; i < 4; i++) replay(&c, k, run, parts[i]);
        }
        free_call(&c);
    }
    printf("%lld calls, %lld numbers compared, %d failures\n", (long long)done, (long long)compared, failures);
    return failures > 0 || done == 0;
}
