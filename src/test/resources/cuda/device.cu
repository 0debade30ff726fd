// Kernels with one defect each, and good ones, for EmulatedDeviceTest. All are y = f(x) of n elements.
#include "common.cuh"

template <typename T> struct map_args {
    const T *x;
    T *y;
    int64_t n;
};
#define MAP(name) template <typename T> __device__ void name(const map_args<T> &a)
#define DEFECT(name)             \
    MAP(name);                   \
    EXPORT_STAGE(name, map, 256) \
    MAP(name)

// launch test_plus: plus_one<<<ceil(n, 256), 256>>>
DEFECT(plus_one) { ELEMENTS(i, a.n) a.y[i] = T(float(a.x[i]) + 1); }

// launch test_implementations: plus_one<<<ceil(n, 256), 256>>>
// launch test_implementations@v2: plus_two<<<ceil(n, 256), 256>>>
DEFECT(plus_two) { ELEMENTS(i, a.n) a.y[i] = T(float(a.x[i]) + 2); }

// ---- barriers ----

// launch test_part_of_block: part_of_block<<<1, 64>>>
DEFECT(part_of_block) {
    if (threadIdx.x < 3) __syncthreads(); // defect
    ELEMENTS(i, a.n) a.y[i] = a.x[i];
}

// launch test_two_barriers: two_barriers<<<1, 64>>>
DEFECT(two_barriers) {
    if (threadIdx.x < 32) __syncthreads();
    else __syncthreads(); // defect
    ELEMENTS(i, a.n) a.y[i] = a.x[i];
}

// ---- warps ----

// launch test_mask_without_lane: mask_without_lane<<<1, 32>>>
DEFECT(mask_without_lane) { a.y[0] = T(__shfl_xor_sync(0x0000ffffu, float(a.x[0]), 1)); } // defect

// launch test_missing_lane: missing_lane<<<1, 32>>>
DEFECT(missing_lane) {
    float x = a.x[0];
    if (threadIdx.x != 7) x = __shfl_xor_sync(ALL_LANES, x, 1); // defect
    a.y[threadIdx.x] = T(x);
}

// launch test_source_outside_of_mask: source_outside_of_mask<<<1, 32>>>
DEFECT(source_outside_of_mask) {
    if (threadIdx.x < 16) a.y[threadIdx.x] = T(__shfl_sync(0x0000ffffu, float(a.x[0]), 20)); // defect
}

// launch test_two_operations: two_operations<<<1, 32>>>
DEFECT(two_operations) {
    float x = a.x[0];
    if (threadIdx.x < 16) x = __shfl_down_sync(ALL_LANES, x, 1);
    else __syncwarp(); // defect
    a.y[threadIdx.x] = T(x);
}

// A mask that repeats before all have looked, and two masks at once: every lane must still see what its own meeting brought.
// launch test_warps: warps<<<1, 64>>>
DEFECT(warps) {
    unsigned lane = threadIdx.x % 32, half = lane < 16 ? 0x0000ffffu : 0xffff0000u;
    float x = float(lane), wrong = 0;
    for (int i = 0; i < 5; i++) {
        if (__shfl_xor_sync(ALL_LANES, x + i, 31) != float(31 - lane) + i) wrong++;
        if (__shfl_sync(half, x + i, int(lane ^ 1)) != float(lane ^ 1) + i) wrong++;
        if (__ballot_sync(half, lane % 2) != (half & 0xaaaaaaaau)) wrong++;
    }
    if (block_sum<64>(1) != 64 || __all_sync(ALL_LANES, 1) != 1 || __any_sync(ALL_LANES, lane == 3) != 1) wrong++;
    ELEMENTS(i, a.n) a.y[i] = T(float(a.x[i]) + 1 + wrong);
}

// ---- addresses ----

// launch test_shared_index: shared_index<<<1, 32>>>
DEFECT(shared_index) {
    __shared__ float row[32];
    row[threadIdx.x + a.n / 8] = 1; // defect
    __syncthreads();
    a.y[threadIdx.x] = T(row[threadIdx.x]);
}

// launch test_local_index: local_index<<<1, 1>>>
DEFECT(local_index) {
    float values[4] = {1, 2, 3, 4};
    a.y[0] = T(values[a.n / 8]); // defect
}

// launch test_dynamic_shared: dynamic_shared<<<1, 32, 4 * n>>>
DEFECT(dynamic_shared) {
    DYNAMIC_SHARED(float, row);
    row[threadIdx.x + 1] = 1; // defect
    a.y[threadIdx.x] = T(row[threadIdx.x]);
}

// launch test_behind_tensor: behind_tensor<<<1, 32>>>
DEFECT(behind_tensor) { ELEMENTS(i, a.n + 1) a.y[i] = T(1); } // defect

// launch test_null: null<<<1, 1>>>
DEFECT(null) {
    const T *nothing = reinterpret_cast<const T *>(a.n - 32);
    a.y[0] = *nothing; // defect
}

// launch test_misaligned: misaligned<<<1, 1>>>
DEFECT(misaligned) { store4(a.y, load4(a.x + 1)); } // defect

// launch test_division: division<<<1, 1>>>
DEFECT(division) { a.y[0] = T(float(a.n / (a.n - 32))); } // defect

// ---- outputs ----

// launch test_unwritten: unwritten<<<1, 32>>>
// launch test_unwritten_by_definition_too: unwritten<<<1, 32>>>
DEFECT(unwritten) { ELEMENTS(i, a.n - 5) a.y[i] = a.x[i]; }

// launch test_unwritten_shared: unwritten_shared<<<1, 32>>>
DEFECT(unwritten_shared) {
    __shared__ float row[33];
    row[threadIdx.x + 1] = 1;
    __syncthreads();
    a.y[threadIdx.x] = T(row[threadIdx.x]); // defect
}

// ---- launches ----

// launch test_too_many_threads: plus_one<<<1, 512>>>
// launch test_too_much_shared: plus_one<<<1, 256, 300 * 1024>>>
// launch test_negative_size: plus_one<<<n - 100, 256>>>
// launch test_unknown_name: plus_one<<<ceil(m, 256), 256>>>
// launch test_no_function: minus_one<<<1, 256>>>

// ---- blocks that wait for each other ----

template <typename T> __device__ void clear(const map_args<T> &, float *scratch) { *reinterpret_cast<unsigned *>(scratch) = 0; }
EXPORT_SCRATCH(clear, map, 1)

// Every block adds to a counter and goes on when all have.
template <typename T> __device__ void together(const map_args<T> &a, float *scratch) {
    unsigned *arrived = reinterpret_cast<unsigned *>(scratch);
    if (threadIdx.x == 0) {
        atomicAdd(arrived, 1);
        while (*const_cast<volatile unsigned *>(arrived) < gridDim.x) __nanosleep(100);
    }
    __syncthreads();
    ELEMENTS(i, a.n) a.y[i] = T(float(a.x[i]) + 1);
}
EXPORT_SCRATCH(together, map, 64)
// launch test_cooperative: clear<<<1, 1>>> scratch 4
// launch test_cooperative: together<<<24, 64>>> scratch 4 cooperative
// launch test_not_cooperative: clear<<<1, 1>>> scratch 4
// launch test_not_cooperative: together<<<24, 64>>> scratch 4
// launch test_large_scratch: clear<<<1, 1>>> scratch 1048576
// launch test_large_scratch: together<<<24, 64>>> scratch 1048576 cooperative

// One block has a defect, the others wait for it.
// launch test_defect_in_one_block: clear<<<1, 1>>> scratch 4
// launch test_defect_in_one_block: defect_in_one_block<<<8, 64>>> scratch 4 cooperative
template <typename T> __device__ void defect_in_one_block(const map_args<T> &a, float *scratch) {
    if (blockIdx.x == 5 && threadIdx.x == 1) a.y[0] = T(float(a.n / (a.n - 32))); // defect
    together(a, scratch);
}
EXPORT_SCRATCH(defect_in_one_block, map, 64)
