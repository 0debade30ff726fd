// A stand-in for libcuda.so.1: the CUDA driver's functions that JCuda and this project call, carried out on the CPU. Device memory is host
// memory, streams run at once and in order, and a module's image is the path of a library of kernels compiled with cuda_on_cpu.h. While
// a stream is captured, launches, copies and fills are noted; a graph launch carries them out. What it does not know answers "not
// supported" (801). It checks what the hardware would: launch sizes, that copies and fills stay inside of an allocation, and by fences
// of 64 bytes that kernels do.
//
// IMU2CLIP_EMULATED_MIB is the size of its memory (8192), IMU2CLIP_EMULATED_PATIENCE for how many seconds a kernel may wait for what
// does not come (60).
#include "cuda_on_cpu.h"

#include <chrono>
#include <condition_variable>
#include <dlfcn.h>
#include <map>
#include <sys/mman.h>
#include <system_error>

using Result = int;
using DevicePtr = unsigned long long;
#define API extern "C" __attribute__((visibility("default"))) Result

namespace {

enum : Result {
    SUCCESS = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NO_DEVICE = 100, INVALID_IMAGE = 200, NOT_FOUND = 500, ILLEGAL_ADDRESS = 700,
    LAUNCH_FAILED = 719, NOT_SUPPORTED = 801, CAPTURE_UNSUPPORTED = 900,
};

thread_local std::string last_error; // in words, for cuGetErrorString

Result fail(Result code, const std::string &why) {
    last_error = why;
    return code;
}

// ---- memory ----

constexpr unsigned PLAIN_SHARED = 48 << 10, MOST_SHARED = 227 << 10;
constexpr size_t FENCE = 64;
constexpr unsigned char FENCE_BYTE = 0xA5;
std::mutex memory_lock;
std::map<DevicePtr, size_t> allocated;
size_t in_use = 0;

size_t capacity() {
    const char *mib = std::getenv("IMU2CLIP_EMULATED_MIB");
    return (mib ? std::strtoull(mib, nullptr, 10) : 8192) << 20;
}

void raise_fence(char *p) { std::memset(p, FENCE_BYTE, FENCE); }
bool fenced(const char *p) {
    for (size_t i = 0; i < FENCE; i++)
        if (p[i] != char(FENCE_BYTE)) return false;
    return true;
}

// Whether some kernel wrote just before or behind an allocation.
bool fences_whole() {
    std::lock_guard<std::mutex> hold(memory_lock);
    bool whole = true;
    for (auto &[address, bytes] : allocated) {
        char *p = reinterpret_cast<char *>(address);
        if (fenced(p - FENCE) && fenced(p + bytes)) continue;
        whole = false;
        raise_fence(p - FENCE); // for the kernels to come
        raise_fence(p + bytes);
    }
    return whole;
}

bool inside(DevicePtr address, size_t bytes) {
    std::lock_guard<std::mutex> hold(memory_lock);
    auto next = allocated.upper_bound(address);
    if (next == allocated.begin()) return false;
    auto found = std::prev(next);
    size_t at = address - found->first;
    return at <= found->second && bytes <= found->second - at;
}

// ---- system threads ----

// Threads that wait for work; there are as many as were ever needed at once.
class Team {
  public:
    static bool at_once(unsigned n, void (*work)(void *, unsigned), void *context) {
        static Team *team = new Team; // never ends: its threads live as long as the process
        return team->run(n, work, context);
    }

  private:
    std::mutex one_at_a_time, lock;
    std::condition_variable wake, done;
    unsigned threads = 0, wanted = 0, running = 0;
    uint64_t round = 0;
    void (*work)(void *, unsigned) = nullptr;
    void *context = nullptr;

    bool run(unsigned n, void (*what)(void *, unsigned), void *with) {
        std::lock_guard<std::mutex> only(one_at_a_time);
        if (n <= 1) return what(with, 0), true;
        {
            std::lock_guard<std::mutex> hold(lock);
            try {
                for (; threads + 1 < n; threads++) std::thread(&Team::serve, this, threads + 1, round).detach();
            } catch (const std::system_error &) {
                return false;
            }
            work = what, context = with, wanted = n, running = n - 1;
            round++;
        }
        wake.notify_all();
        what(with, 0);
        std::unique_lock<std::mutex> hold(lock);
        done.wait(hold, [&] { return running == 0; });
        return true;
    }

    void serve(unsigned number, uint64_t seen) {
        for (;;) {
            std::unique_lock<std::mutex> hold(lock);
            wake.wait(hold, [&] { return round != seen; });
            seen = round;
            if (number >= wanted) continue;
            hold.unlock();
            work(context, number);
            hold.lock();
            if (--running == 0) done.notify_one();
        }
    }
};

// ---- stacks for fibres ----

std::mutex stacks_lock;
std::vector<char *> free_stacks;

char *take_stack() {
    constexpr size_t AT_ONCE = 64;
    std::lock_guard<std::mutex> hold(stacks_lock);
    if (free_stacks.empty()) {
        constexpr int FLAGS = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
        void *memory = mmap(nullptr, (AT_ONCE + 1) * emulated::STACK, PROT_READ | PROT_WRITE, FLAGS, -1, 0);
        if (memory == MAP_FAILED) std::fprintf(stderr, "no memory for the stacks of emulated threads\n"), std::abort();
        char *first = reinterpret_cast<char *>((reinterpret_cast<uintptr_t>(memory) + emulated::STACK - 1) & ~(emulated::STACK - 1));
        for (size_t i = AT_ONCE; i-- > 0;) free_stacks.push_back(first + i * emulated::STACK);
    }
    char *stack = free_stacks.back();
    free_stacks.pop_back();
    return stack;
}

void give_stacks(char *const *stacks, size_t n) {
    std::lock_guard<std::mutex> hold(stacks_lock);
    free_stacks.insert(free_stacks.end(), stacks, stacks + n);
}

unsigned patience() {
    const char *seconds = std::getenv("IMU2CLIP_EMULATED_PATIENCE");
    return seconds ? unsigned(std::strtoul(seconds, nullptr, 10)) : 60;
}

// ---- modules and functions ----

struct Module {
    void *library;
};

std::map<void *, unsigned> shared_allowed; // of functions that asked for more than is usual

// ---- what a stream does: at once, or noted for a graph ----

struct Command {
    const emulated::Kernel *kernel = nullptr; // a launch
    emulated::Launch launch{};
    std::vector<char> args;
    float *scratch = nullptr;
    void (*other)(const Command &) = nullptr; // or a copy, a fill, or a function of the host's, which gets `to`
    void (*function)(void *) = nullptr;
    char *to = nullptr;
    const char *from = nullptr;
    size_t bytes = 0;
    unsigned value = 0;
};

struct Graph {
    std::vector<Command> commands;
};

Graph *capturing = nullptr;

// What a kernel did wrong. As on a GPU, the launch has succeeded by then and a later call says so, and what was queued in between
// is not done; unlike there, the device can be used again.
Result fault = SUCCESS;
std::string fault_text;

Result take_fault() {
    Result code = fault;
    fault = SUCCESS;
    return code == SUCCESS ? SUCCESS : fail(code, fault_text);
}

void execute(Command &command) {
    if (fault != SUCCESS) return;
    if (command.kernel) {
        void *params[] = {command.args.data(), &command.scratch};
        command.launch.params = params;
        fault_text = command.kernel->run(*command.kernel, command.launch);
        if (!fault_text.empty()) fault = LAUNCH_FAILED;
    } else
        command.other(command);
    if (fault == SUCCESS && (command.kernel || command.function) && !fences_whole())
        fault = ILLEGAL_ADDRESS, fault_text = "wrote outside of the device memory that was allocated";
}

Result submit(Command command) {
    if (Result code = take_fault()) return code;
    if (capturing) capturing->commands.push_back(std::move(command));
    else execute(command);
    return SUCCESS;
}

void copy(const Command &c) { std::memmove(c.to, c.from, c.bytes); }
void fill8(const Command &c) { std::memset(c.to, int(c.value), c.bytes); }
void fill32(const Command &c) {
    for (size_t i = 0; i < c.bytes / 4; i++) reinterpret_cast<unsigned *>(c.to)[i] = c.value;
}
void call(const Command &c) { c.function(c.to); }

Result submit(void (*what)(const Command &), void *to, const void *from, size_t bytes, unsigned value, bool device_to, bool device_from) {
    if (bytes == 0) return SUCCESS;
    if ((device_to && !inside(DevicePtr(to), bytes)) || (device_from && !inside(DevicePtr(from), bytes)))
        return fail(INVALID_VALUE, "a copy or fill reaches outside of the device memory that was allocated");
    Command command;
    command.other = what, command.to = static_cast<char *>(to), command.from = static_cast<const char *>(from), command.bytes = bytes,
    command.value = value;
    return submit(std::move(command));
}

int handle; // anything whose address stands for a context or a stream

} // namespace

// ---- devices and contexts ----

API cuInit(unsigned) { return std::getenv("IMU2CLIP_EMULATED_NO_DEVICE") ? NO_DEVICE : SUCCESS; }
API cuDriverGetVersion(int *version) { return *version = 13000, SUCCESS; }
API cuDeviceGetCount(int *count) { return *count = 1, SUCCESS; }
API cuDeviceGet(int *device, int ordinal) { return *device = 0, ordinal == 0 ? SUCCESS : 101; }
API cuDeviceGetName(char *name, int bytes, int) {
    std::snprintf(name, size_t(bytes), "emulated on %u CPU cores", std::thread::hardware_concurrency());
    return SUCCESS;
}
API cuDeviceTotalMem_v2(size_t *bytes, int) { return *bytes = capacity(), SUCCESS; }
API cuDeviceGetAttribute(int *value, int attribute, int) {
    switch (attribute) {
    case 1: *value = 1024; break;            // threads of a block
    case 8: *value = PLAIN_SHARED; break;    // shared memory of a block
    case 10: *value = 32; break;             // warp
    case 16: *value = 4; break;              // multiprocessors
    case 39: *value = 2048; break;           // threads of a multiprocessor
    case 75: *value = 9; break;              // compute capability
    case 76: *value = 0; break;
    case 95: *value = 1; break;              // cooperative launches
    case 97: *value = MOST_SHARED; break;    // shared memory of a block that asks for it
    default: *value = 0;
    }
    return SUCCESS;
}
API cuDevicePrimaryCtxRetain(void **context, int) { return *context = &handle, SUCCESS; }
API cuDevicePrimaryCtxRelease_v2(int) { return SUCCESS; }
API cuCtxSetCurrent(void *) { return SUCCESS; }
API cuCtxGetCurrent(void **context) { return *context = &handle, SUCCESS; }
API cuCtxSynchronize() { return take_fault(); }

// ---- memory ----

API cuMemGetInfo_v2(size_t *free, size_t *total) {
    std::lock_guard<std::mutex> hold(memory_lock);
    *total = capacity();
    *free = *total - std::min(*total, in_use);
    return SUCCESS;
}
API cuMemAlloc_v2(DevicePtr *address, size_t bytes) {
    std::lock_guard<std::mutex> hold(memory_lock);
    if (bytes > capacity() || in_use > capacity() - bytes) return fail(OUT_OF_MEMORY, "out of memory");
    // The fence behind begins at the last byte's neighbour; the address is a multiple of 256.
    char *block = static_cast<char *>(std::aligned_alloc(256, (bytes + FENCE + 511) / 256 * 256));
    if (!block) return fail(OUT_OF_MEMORY, "out of memory");
    char *memory = block + 256;
    std::memset(memory, 0xFF, bytes);
    raise_fence(memory - FENCE);
    raise_fence(memory + bytes);
    *address = DevicePtr(memory);
    allocated[*address] = bytes;
    in_use += bytes;
    return SUCCESS;
}
API cuMemFree_v2(DevicePtr address) {
    std::lock_guard<std::mutex> hold(memory_lock);
    auto found = allocated.find(address);
    if (found == allocated.end()) return fail(INVALID_VALUE, "this memory was not allocated, or is free already");
    in_use -= found->second;
    allocated.erase(found);
    std::free(reinterpret_cast<char *>(address) - 256);
    return SUCCESS;
}
API cuMemHostAlloc(void **memory, size_t bytes, unsigned) {
    *memory = std::aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
    return *memory ? SUCCESS : OUT_OF_MEMORY;
}
API cuMemFreeHost(void *memory) {
    std::free(memory);
    return SUCCESS;
}
API cuMemcpyHtoDAsync_v2(DevicePtr to, const void *from, size_t bytes, void *) {
    return submit(copy, reinterpret_cast<void *>(to), from, bytes, 0, true, false);
}
API cuMemcpyDtoHAsync_v2(void *to, DevicePtr from, size_t bytes, void *) {
    return submit(copy, to, reinterpret_cast<const void *>(from), bytes, 0, false, true);
}
API cuMemcpyDtoDAsync_v2(DevicePtr to, DevicePtr from, size_t bytes, void *) {
    return submit(copy, reinterpret_cast<void *>(to), reinterpret_cast<const void *>(from), bytes, 0, true, true);
}
API cuMemcpyHtoD_v2(DevicePtr to, const void *from, size_t bytes) { return cuMemcpyHtoDAsync_v2(to, from, bytes, nullptr); }
API cuMemcpyDtoH_v2(void *to, DevicePtr from, size_t bytes) { return cuMemcpyDtoHAsync_v2(to, from, bytes, nullptr); }
API cuMemcpyDtoD_v2(DevicePtr to, DevicePtr from, size_t bytes) { return cuMemcpyDtoDAsync_v2(to, from, bytes, nullptr); }
API cuMemsetD8Async(DevicePtr to, unsigned char value, size_t count, void *) {
    return submit(fill8, reinterpret_cast<void *>(to), nullptr, count, value, true, false);
}
API cuMemsetD32Async(DevicePtr to, unsigned value, size_t count, void *) {
    return submit(fill32, reinterpret_cast<void *>(to), nullptr, 4 * count, value, true, false);
}
API cuMemsetD8_v2(DevicePtr to, unsigned char value, size_t count) { return cuMemsetD8Async(to, value, count, nullptr); }

// ---- modules and launches ----

API cuModuleLoadData(void **module, const void *image) {
    void *library = dlopen(static_cast<const char *>(image), RTLD_NOW | RTLD_LOCAL);
    if (!library) return fail(INVALID_IMAGE, dlerror());
    *module = new Module{library};
    return SUCCESS;
}
API cuModuleUnload(void *module) {
    delete static_cast<Module *>(module); // the library stays: a thread may still run its code
    return SUCCESS;
}
API cuModuleGetFunction(void **function, void *module, const char *name) {
    *function = dlsym(static_cast<Module *>(module)->library, name);
    return *function ? SUCCESS : fail(NOT_FOUND, std::string("no kernel ") + name);
}
API cuFuncSetAttribute(void *function, int attribute, int value) {
    if (attribute != 8) return SUCCESS; // dynamic shared memory
    if (value < 0 || unsigned(value) > MOST_SHARED) return fail(INVALID_VALUE, "a block has at most 227 KiB of shared memory");
    shared_allowed[function] = unsigned(value);
    return SUCCESS;
}
API cuFuncGetAttribute(int *value, int attribute, void *function) {
    *value = attribute == 0 ? int(static_cast<const emulated::Kernel *>(function)->max_threads) : 0;
    return SUCCESS;
}
API cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, void *, int, size_t) { return *blocks = 16, SUCCESS; }

static Result launch(void *function, dim3 grid, dim3 block, unsigned shared, void **params, bool cooperative) {
    auto kernel = static_cast<const emulated::Kernel *>(function);
    uint64_t threads = uint64_t(block.x) * block.y * block.z;
    if (!grid.x || !grid.y || !grid.z || grid.x > 2147483647u || grid.y > 65535 || grid.z > 65535)
        return fail(INVALID_VALUE, "a grid has from 1 to (2147483647, 65535, 65535) blocks");
    if (threads == 0 || threads > kernel->max_threads || block.z > 64)
        return fail(INVALID_VALUE, "this kernel was compiled for blocks of 1 to " + std::to_string(kernel->max_threads) + " threads, not "
                                       + std::to_string(threads));
    auto allowed = shared_allowed.find(function);
    unsigned most = allowed == shared_allowed.end() ? PLAIN_SHARED : allowed->second;
    if (shared > most)
        return fail(INVALID_VALUE, "this kernel may have " + std::to_string(most) + " bytes of dynamic shared memory, not "
                                       + std::to_string(shared));
    if (cooperative && uint64_t(grid.x) * grid.y * grid.z > 64) return fail(720, "a cooperative grid here has at most 64 blocks");
    static const emulated::Host host{Team::at_once, take_stack, give_stacks, patience};
    Command command;
    command.kernel = kernel;
    command.launch = {grid, block, shared, cooperative, nullptr, &host};
    command.args.assign(static_cast<char *>(params[0]), static_cast<char *>(params[0]) + kernel->args_bytes);
    command.scratch = *static_cast<float **>(params[1]);
    return submit(std::move(command));
}
API cuLaunchKernel(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared, void *,
                   void **params, void **) {
    return launch(function, {gx, gy, gz}, {bx, by, bz}, shared, params, false);
}
API cuLaunchCooperativeKernel(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared,
                              void *, void **params) {
    return launch(function, {gx, gy, gz}, {bx, by, bz}, shared, params, true);
}
API cuLaunchHostFunc(void *, void (*function)(void *), void *data) {
    Command command;
    command.other = call, command.function = function, command.to = static_cast<char *>(data);
    return submit(std::move(command));
}

// ---- streams, events, graphs ----

API cuStreamCreate(void **stream, unsigned) { return *stream = &handle, SUCCESS; }
API cuStreamDestroy_v2(void *) { return SUCCESS; }
API cuStreamSynchronize(void *) {
    return capturing ? fail(CAPTURE_UNSUPPORTED, "a stream cannot be waited for while it is captured") : take_fault();
}
API cuStreamQuery(void *) { return SUCCESS; }
API cuEventCreate(void **event, unsigned) { return *event = new double(0), SUCCESS; }
API cuEventDestroy_v2(void *event) {
    delete static_cast<double *>(event);
    return SUCCESS;
}
API cuEventRecord(void *event, void *) {
    *static_cast<double *>(event) =
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
    return SUCCESS;
}
API cuEventSynchronize(void *) { return take_fault(); }
API cuEventElapsedTime(float *milliseconds, void *from, void *to) {
    *milliseconds = float(*static_cast<double *>(to) - *static_cast<double *>(from));
    return SUCCESS;
}
API cuStreamBeginCapture_v2(void *, int) {
    if (capturing) return fail(CAPTURE_UNSUPPORTED, "the stream is being captured already");
    capturing = new Graph;
    return SUCCESS;
}
API cuStreamEndCapture(void *, void **graph) {
    if (!capturing) return fail(CAPTURE_UNSUPPORTED, "the stream is not being captured");
    *graph = capturing;
    capturing = nullptr;
    return SUCCESS;
}
API cuStreamIsCapturing(void *, int *status) { return *status = capturing ? 1 : 0, SUCCESS; }
API cuGraphInstantiateWithFlags(void **executable, void *graph, unsigned long long) {
    *executable = new Graph(*static_cast<Graph *>(graph));
    return SUCCESS;
}
API cuGraphGetNodes(void *graph, void **, size_t *count) { return *count = static_cast<Graph *>(graph)->commands.size(), SUCCESS; }
API cuGraphLaunch(void *executable, void *) {
    if (Result code = take_fault()) return code;
    for (Command &command : static_cast<Graph *>(executable)->commands) execute(command);
    return SUCCESS;
}
API cuGraphDestroy(void *graph) {
    delete static_cast<Graph *>(graph);
    return SUCCESS;
}
API cuGraphExecDestroy(void *executable) { return cuGraphDestroy(executable); }

API cuGetErrorName(Result code, const char **name) {
    switch (code) {
    case SUCCESS: *name = "CUDA_SUCCESS"; break;
    case INVALID_VALUE: *name = "CUDA_ERROR_INVALID_VALUE"; break;
    case OUT_OF_MEMORY: *name = "CUDA_ERROR_OUT_OF_MEMORY"; break;
    case NO_DEVICE: *name = "CUDA_ERROR_NO_DEVICE"; break;
    case LAUNCH_FAILED: *name = "CUDA_ERROR_LAUNCH_FAILED"; break;
    case ILLEGAL_ADDRESS: *name = "CUDA_ERROR_ILLEGAL_ADDRESS"; break;
    default: *name = "CUDA_ERROR";
    }
    return SUCCESS;
}
API cuGetErrorString(Result code, const char **text) {
    *text = code == SUCCESS ? "no error" : last_error.c_str();
    return SUCCESS;
}
