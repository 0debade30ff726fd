package dev.imu2clip.backend.cuda;

import dev.imu2clip.backend.Args;

import java.util.stream.LongStream;

/**
 * {@code batch} products of row-major matrices, c (m, n) = op(a) op(b): rows of a matrix are {@code lda}, {@code ldb} and {@code ldc}
 * elements apart, matrices of a batch a stride. cuBLAS counts columns first: to it each matrix is its own transpose, and
 * c^T = op(b)^T op(a)^T, so b comes first, with n rows, and the flags stay as they are.
 *
 * @param factors CUDA's number for the element type of a and b
 * @param result  that of c
 */
record Product(int batch, int m, int n, int k, boolean aTransposed, boolean bTransposed, int lda, int ldb, int ldc, long aStride,
               long bStride, long cStride, int factors, int result) {
    /** What kernel {@code matmul} is called for; null where there is nothing to multiply, or more than cuBLAS can count. */
    static Product matmul(Args args, int factors, int result) {
        long batch = args.size("batch"), m = args.size("m"), n = args.size("n"), k = args.size("k");
        if (!countable(batch, m, n, k)) return null;
        boolean aT = args.flag("a_transposed"), bT = args.flag("b_transposed");
        return new Product((int) batch, (int) m, (int) n, (int) k, aT, bT, (int) (aT ? m : k), (int) (bT ? k : n), (int) n,
                args.size("a_stride"), args.size("b_stride"), m * n, factors, result);
    }

    /** Kernel {@code packed_linear} with a weight (n, k) as it is. */
    static Product linear(Args args, int type) {
        long m = args.size("rows"), n = args.size("n"), k = args.size("k");
        if (args.size("width") != 1 || !countable(m, n, k)) return null;
        return new Product(1, (int) m, (int) n, (int) k, false, true, (int) k, (int) k, (int) n, 0, 0, 0, type, type);
    }

    private static boolean countable(long... sizes) {
        return LongStream.of(sizes).allMatch(size -> size >= 1 && size <= Integer.MAX_VALUE);
    }
}
