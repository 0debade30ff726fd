package dev.imu2clip.backend.cuda;

import dev.imu2clip.backend.Args;

/** One implementation of a kernel for some element types: queues its work. */
@FunctionalInterface
interface Program {
    void run(Args args);
}
