// Replays recorded kernel calls against CUDA kernels compiled for the CPU, with the stand-in driver in this program:
//
//   replay_cuda FOLDER CALLS     the kernels are the libraries FOLDER/*.so
//
// In the file every call follows its launches: their count, and of each the length of the symbol, the symbol, grid and block (x, y, z), bytes
// of dynamic shared memory, whether it is cooperative, bytes of scratch memory. Every tensor has a block of exactly its size, so
// that a sanitizer sees every byte read or written outside; every second call has its tensors one element off from 64 bytes. Scratch
// memory is full of NaN.
#include "emulated/driver.cpp"

#include "calls.h"

#include <filesystem>
#include <sanitizer/common_interface_defs.h>

static constexpr int MAX_LAUNCHES = 16;

struct launch_of_call {
    std::string symbol;
    unsigned grid[3], block[3], shared;
    bool cooperative;
    size_t scratch;
};

static struct call c;
static std::vector<void *> libraries;
static std::vector<launch_of_call> launches;

static void say_call() {
    printf("in %s, %s; numbers:", c.symbol, doing);
    print_numbers(&c);
    fflush(stdout);
}

static bool read_launches() {
    int ahead = getc(calls);
    if (ahead == EOF) return false;
    ungetc(ahead, calls);
    launches.resize(size_t(read_number()));
    for (launch_of_call &l : launches) {
        size_t length = size_t(read_number());
        char *symbol = reinterpret_cast<char *>(read_bytes(length));
        l.symbol = "imu2clip_" + std::string(symbol, length);
        free(symbol);
        for (unsigned &size : l.grid) size = unsigned(read_number());
        for (unsigned &size : l.block) size = unsigned(read_number());
        l.shared = unsigned(read_number());
        l.cooperative = read_number() != 0;
        l.scratch = size_t(read_number());
    }
    return true;
}

static void *find(const std::string &symbol) {
    for (void *library : libraries)
        if (void *function = dlsym(library, symbol.c_str())) return function;
    return nullptr;
}

static void complain(const std::string &what) {
    if (failures++ >= MAX_REPORTS) return;
    printf("%s: ", what.c_str());
    say_call();
}

static void replay(bool shifted) {
    static const size_t sizes[] = {4, 8, 2, 2, 4, 8, 1};
    std::snprintf(doing, sizeof(doing), "tensors %s", shifted ? "one element off" : "at multiples of 64 bytes");
    std::vector<void *> owned;
    auto take = [&](size_t alignment, size_t bytes) {
        void *memory = nullptr;
        if (posix_memalign(&memory, alignment, std::max<size_t>(bytes, 1)) != 0) exit(2);
        owned.push_back(memory);
        return static_cast<unsigned char *>(memory);
    };
    for (struct block *b = c.block; b < c.block + c.blocks; b++) {
        size_t shift = shifted ? sizes[b->type] : 0;
        b->now = take(64, size_t(b->bytes) + shift) + shift;
        memcpy(b->now, b->before, size_t(b->bytes));
    }
    int64_t args[MAX_FIELDS] = {};
    for (int64_t i = 0; i < c.fields; i++) {
        int64_t block = c.field[i][0], value = c.field[i][1];
        args[i] = block < 0 ? value : int64_t(reinterpret_cast<intptr_t>(c.block[block].now + value));
    }
    size_t scratch_bytes = 0;
    for (const launch_of_call &l : launches) scratch_bytes = std::max(scratch_bytes, l.scratch);
    void *scratch = scratch_bytes ? take(256, scratch_bytes) : nullptr;
    if (scratch) memset(scratch, 0xFF, scratch_bytes);
    void *params[] = {args, &scratch};
    for (const launch_of_call &l : launches) {
        void *function = find(l.symbol);
        if (!function) {
            complain("no function " + l.symbol);
            continue;
        }
        cuFuncSetAttribute(function, 8, int(MOST_SHARED));
        dim3 grid{l.grid[0], l.grid[1], l.grid[2]}, block{l.block[0], l.block[1], l.block[2]};
        Result code = launch(function, grid, block, l.shared, params, l.cooperative);
        if (code == SUCCESS) code = cuStreamSynchronize(nullptr);
        if (code != SUCCESS) complain(l.symbol + ": " + last_error);
    }
    for (struct block *b = c.block; b < c.block + c.blocks; b++) {
        if (b->written) {
            b->first = b->now;
            compare(&c, b);
            b->first = nullptr;
        } else if (memcmp(b->now, b->before, size_t(b->bytes)) != 0) {
            complain("an input changed");
        }
    }
    for (void *memory : owned) free(memory);
}

int main(int argc, char **argv) {
    calls = argc == 3 ? fopen(argv[2], "rb") : nullptr;
    if (!calls) {
        fprintf(stderr, "usage: replay_cuda FOLDER CALLS\n");
        return 2;
    }
    for (const auto &file : std::filesystem::directory_iterator(argv[1])) {
        if (file.path().extension() != ".so") continue;
        libraries.push_back(dlopen(file.path().c_str(), RTLD_NOW | RTLD_LOCAL));
        if (!libraries.back()) {
            fprintf(stderr, "%s\n", dlerror());
            return 2;
        }
    }
    __sanitizer_set_death_callback(say_call);
    int64_t done = 0;
    for (; read_launches() && read_call(&c); done++) {
        replay(done % 2 != 0);
        free_call(&c);
    }
    printf("%lld calls, %lld numbers compared, %d failures\n", (long long)done, (long long)compared, failures);
    return failures > 0 || done == 0;
}
