package dev.imu2clip.backend;

import dev.imu2clip.tensor.DType;

import java.util.List;

/** Runs every kernel by its plain definition: slow, exact, and there on every machine. */
public final class JavaBackend extends HostBackend {
    @Override
    public String name() {
        return "java";
    }

    @Override
    public boolean computesIn(DType dtype) {
        return dtype.isFloat();
    }

    @Override
    public void run(Kernel kernel, Args args) {
        kernel.definition().accept(args);
    }

    @Override
    public String describe() {
        return "plain Java definitions, one thread";
    }

    public static final class Provider implements BackendProvider {
        @Override
        public String name() {
            return "java";
        }

        @Override
        public int rank() {
            return 0;
        }

        @Override
        public List<String> devices() {
            return List.of("java");
        }

        @Override
        public String status() {
            return "the kernels' plain Java definitions: exact and slow";
        }

        @Override
        public Backend open(String device) {
            return new JavaBackend();
        }
    }
}
