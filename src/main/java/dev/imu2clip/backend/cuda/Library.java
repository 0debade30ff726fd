package dev.imu2clip.backend.cuda;

import dev.imu2clip.backend.Args;
import dev.imu2clip.backend.Kernel;

/** A library of CUDA's that runs some of the kernels. */
interface Library {
    /** A kernel for some element types. */
    @FunctionalInterface
    interface Form {
        /** Queues the work; false where these sizes are not for the library, and nothing was queued. */
        boolean run(Args args);
    }

    /** The form of a kernel for element types as {@link Args#types} names them, or null where there is none. */
    Form form(Kernel kernel, String types);
}
