// Recorded kernel calls (RecordingBackend describes the file): reading them, and comparing what a kernel makes of them. For programs of
// one file, in C or C++.
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
static char doing[64]; // how the call runs, for messages
static int failures;
static int64_t compared;

static unsigned char *read_bytes(size_t n) {
    unsigned char *bytes = (unsigned char *)malloc(n ? n : 1);
    if (!bytes || fread(bytes, 1, n, calls) != n) {
        fprintf(stderr, "the file of calls ends too early\n");
        exit(2);
    }
    return bytes;
}

static int64_t read_number(void) {
    int64_t value;
    unsigned char *bytes = read_bytes(8);
    memcpy(&value, bytes, 8);
    free(bytes);
    return value;
}

static int read_call(struct call *c) {
    int ahead = getc(calls);
    if (ahead == EOF) return 0;
    ungetc(ahead, calls);
    memset(c, 0, sizeof(*c));
    int64_t length = read_number(), tolerance;
    char *symbol = (char *)read_bytes((size_t)length);
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

static void print_numbers(const struct call *c) {
    for (int64_t i = 0; i < c->fields; i++) if (c->field[i][0] < 0) printf(" %lld", (long long)c->field[i][1]);
    printf("\n");
}

static void fail(const struct call *c, const struct block *b, const char *what, int64_t at, double expected, double actual) {
    if (failures++ >= MAX_REPORTS) return;
    printf("%s, tensor %d [%lld], %s: %s: expected %.9g, got %.9g; numbers:", c->symbol, (int)(b - c->block), (long long)at, doing, what,
           expected, actual);
    print_numbers(c);
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
        case BF16:
            memcpy(&u16, bytes + i * 2, 2);
            i32 = (int32_t)((uint32_t)u16 << 16);
            memcpy(&f32, &i32, 4);
            return f32;
        default: memcpy(&u16, bytes + i * 2, 2); return u16; // F16: bits, which must be the same
    }
}

// Floating-point numbers up to the call's tolerance, everything else exactly. What the definition left untouched may hold anything.
static void compare(const struct call *c, const struct block *b) {
    static const int64_t sizes[] = {4, 8, 2, 2, 4, 8, 1};
    static const unsigned char untouched[] = {255, 255, 255, 255, 255, 255, 255, 255};
    int64_t size = sizes[b->type], n = b->bytes / size;
    double largest = 1;
    for (int64_t i = 0; i < n; i++) if (isfinite(element(b, b->after, i))) largest = fmax(largest, fabs(element(b, b->after, i)));
    int rough = c->tolerance > 1e-3 && b->type == BF16;
    double allowed = b->type == F32 || b->type == F64 || rough ? c->tolerance * largest : 0;
    for (int64_t i = 0; i < n; i++) {
        if (size >= 2 && memcmp(b->after + i * size, untouched, (size_t)size) == 0) continue;
        double expected = element(b, b->after, i), actual = element(b, b->first, i);
        compared++;
        if (expected == actual || (isnan(expected) && isnan(actual)) || fabs(expected - actual) <= allowed) continue;
        fail(c, b, "differs from the definition", i, expected, actual);
        return;
    }
}
