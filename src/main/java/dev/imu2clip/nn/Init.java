package dev.imu2clip.nn;

import dev.imu2clip.tensor.Philox;

/** How a parameter starts. Values depend only on the seed and the element's index, so they repeat on every machine. */
public sealed interface Init {
    double value(long seed, long index);

    record Constant(double value) implements Init {
        @Override
        public double value(long seed, long index) {
            return value;
        }
    }

    /** Uniform in [-bound, bound). */
    record Uniform(double bound) implements Init {
        @Override
        public double value(long seed, long index) {
            return (2 * Philox.uniform(seed, index) - 1) * bound;
        }
    }

    /** Normal with mean 0. */
    record Normal(double deviation) implements Init {
        @Override
        public double value(long seed, long index) {
            return deviation * Philox.normal(seed, index);
        }
    }

    /** Normal with mean 0, drawn again until it is within two deviations. */
    record TruncatedNormal(double deviation) implements Init {
        /** How far apart the draws for one element are: no parameter has as many elements. */
        private static final long NEXT = 1L << 40;

        @Override
        public double value(long seed, long index) {
            double z = Philox.normal(seed, index);
            for (long again = 1; Math.abs(z) >= 2; again++) z = Philox.normal(seed, index + again * NEXT);
            return deviation * z;
        }
    }

    Init ZEROS = new Constant(0);
    Init ONES = new Constant(1);

    /** PyTorch's default for convolutions, linear layers (fan in) and recurrent ones (hidden size): uniform within 1 / sqrt(n). */
    static Init uniformOf(long n) {
        return new Uniform(1 / Math.sqrt(n));
    }

    /** Uniform with a variance between 1 / in and 1 / out (Glorot and Bengio, AISTATS 2010; PyTorch's {@code xavier_uniform_}). */
    static Init xavier(long in, long out) {
        return new Uniform(Math.sqrt(6.0 / (in + out)));
    }
}
