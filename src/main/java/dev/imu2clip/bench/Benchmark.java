package dev.imu2clip.bench;

import dev.imu2clip.backend.Backend;
import dev.imu2clip.backend.Precision;

/**
 * Something that can be measured on every device.
 *
 * @param name  a word or two, by which it is chosen
 * @param sizes what it works on, for people
 * @param batch how many windows, images or texts, or 0 where that says nothing
 * @param flops multiplications and additions of its products, or 0 where others count
 * @param queue whether it can be queued again without waiting, which is how kernels are measured; otherwise every run ends by waiting
 */
record Benchmark(String name, String sizes, int batch, double flops, boolean queue, Setup setup) {
    interface Setup {
        Work open(Backend backend, Precision precision);
    }
}
