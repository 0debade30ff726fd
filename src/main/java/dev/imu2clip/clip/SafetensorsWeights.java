package dev.imu2clip.clip;

import dev.imu2clip.io.InputException;
import dev.imu2clip.io.Safetensors;
import dev.imu2clip.io.Sha256;
import dev.imu2clip.tensor.Shape;

import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;

/** Weights in a safetensors file with Hugging Face's names. */
final class SafetensorsWeights implements ClipWeights {
    static final String FILE = "model.safetensors";
    private final Safetensors file;

    private SafetensorsWeights(Safetensors file) {
        this.file = file;
    }

    static SafetensorsWeights open(Path path) {
        Path file = Files.isDirectory(path) ? path.resolve(FILE) : path;
        if (!Files.exists(file))
            throw InputException.in(file, "no such file", "It is part of https://huggingface.co/openai/clip-vit-base-patch32");
        return new SafetensorsWeights(Safetensors.open(file));
    }

    @Override
    public Set<String> names() {
        return file.names();
    }

    @Override
    public Shape shape(String name) {
        Safetensors.Entry entry = file.require(name);
        if (!entry.dtype().isFloat())
            throw InputException.in(file.file(), "tensor '" + name + "' has type " + entry.dtype() + ", expected a floating-point one", "");
        return entry.shape();
    }

    @Override
    public void copyTo(String name, MemorySegment target) {
        file.copyFloats(name, target);
    }

    @Override
    public String identity() {
        return Sha256.of(file.file(), CacheFolder.path());
    }

    @Override
    public String origin() {
        return file.file().toString();
    }

    @Override
    public void close() {
        file.close();
    }
}
