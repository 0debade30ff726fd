package dev.imu2clip.backend.cuda;

import dev.imu2clip.backend.Kernel;

import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;

/** CUDA's libraries as implementations of kernels on one device; each is opened when a kernel first wants it. */
final class Libraries {
    private record Known(Set<String> kernels, Function<CudaBackend, Library> open) {}

    private static final Map<String, Known> KNOWN = Map.of(
            "cublas", new Known(Set.of("matmul", "packed_linear"), Cublas::new),
            "cudnn", new Known(Set.of("conv1d_forward", "conv1d_backward_input", "conv1d_backward_weight"), Cudnn::new));
    /** What runs a kernel where nothing is chosen and the library is there. */
    private static final Map<String, String> PREFERRED = Map.of("matmul", "cublas", "packed_linear", "cublas");
    /** Why a library that has a kernel's operation is no implementation of it. */
    private static final Map<String, String> NOT = Map.of(
            "gru_forward cudnn", "cuDNN's GRU multiplies the inputs itself, and this kernel gets them multiplied (docs/libraries.md)",
            "gru_backward cudnn", "cuDNN's GRU keeps its gates to itself, and this kernel makes their gradients (docs/libraries.md)");

    private final CudaBackend backend;
    private final Map<String, Library> open = new HashMap<>();
    private final Map<String, String> missing = new HashMap<>();

    Libraries(CudaBackend backend) {
        this.backend = backend;
    }

    /** The libraries that have a kernel. */
    static Set<String> of(String kernel) {
        Set<String> names = new TreeSet<>();
        KNOWN.forEach((name, known) -> {
            if (known.kernels.contains(kernel)) names.add(name);
        });
        return names;
    }

    /** The library to take for a kernel where nobody chose; null for none. */
    static String preferred(String kernel) {
        return PREFERRED.get(kernel);
    }

    /** Why a library is no implementation of a kernel, where there is something to say. */
    static String whyNot(String kernel, String library) {
        String why = NOT.get(kernel + " " + library);
        return why == null ? "" : why + "; ";
    }

    /**
     * The form of a kernel in a library that has it, see {@link #of}; null where it has none for these types.
     *
     * @throws CudaLibraries.MissingException where the library is not there or cannot be used
     */
    Library.Form form(String library, Kernel kernel, String types) {
        if (missing.containsKey(library)) throw new CudaLibraries.MissingException(missing.get(library));
        try {
            return open.computeIfAbsent(library, name -> KNOWN.get(name).open.apply(backend)).form(kernel, types);
        } catch (CudaLibraries.MissingException e) {
            missing.put(library, e.getMessage());
            throw e;
        }
    }
}
