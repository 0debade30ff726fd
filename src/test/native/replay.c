// Replays recorded kernel calls (RecordingBackend describes the file) against a library of compiled kernels:
//
//   replay LIBRARY ISA CALLS
//
// Every call runs in 1, 2, 3 and 7 parts. The first result is compared with the recorded one, the others with the first, bit by bit.
// Each tensor has a block of memory of its own and of exactly its size, so that a sanitizer sees every byte read or written outside.
#include "calls.h"

#include <dlfcn.h>

typedef void (*kernel)(const void *args, int64_t part, int64_t parts);
typedef void (*runner)(kernel, const void *args, int64_t parts);

static void replay(struct call *c, kernel k, runner run, int64_t parts) {
    int64_t args[MAX_FIELDS];
    snprintf(doing, sizeof(doing), "%lld parts", (long long)parts);
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
        if (at < b->bytes) fail(c, b, what, at, expected[at], b->now[at]);
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
