package dev.imu2clip.clip;

import dev.imu2clip.io.CacheFolder;
import dev.imu2clip.io.InputException;
import dev.imu2clip.io.Sha256;
import dev.imu2clip.io.TensorFile;
import dev.imu2clip.io.TensorView;
import dev.imu2clip.io.TorchFile;
import dev.imu2clip.tensor.Shape;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;

/** CLIP's weights in a file of any format: see {@link ClipWeights#open}. */
public final class WeightsFile implements ClipWeights {
    /** What these files are called where they are published, best first: the same weights, where a folder has several. */
    private static final List<String> PUBLISHED = List.of("model.safetensors", "pytorch_model.bin", "open_clip_model.safetensors",
            "open_clip_pytorch_model.bin");
    private static final List<String> ENDINGS = List.of(".safetensors", ".bin", ".pt", ".pth", ".ckpt");
    private static final String SOURCE = "CLIP's weights come by: " + ClipRelease.COMMAND;

    private final TensorFile file;
    private final Map<String, TensorView> tensors;

    private WeightsFile(TensorFile file) {
        this.file = file;
        this.tensors = Collections.unmodifiableMap(ClipNames.of(file));
    }

    /** @throws InputException when the file is missing, damaged or of no known format */
    public static WeightsFile open(Path path) {
        return of(TensorFile.open(locate(path)));
    }

    /**
     * A folder stands for the weights in it.
     *
     * @throws InputException when there are none, or several
     */
    public static Path locate(Path path) {
        Path found = Files.isDirectory(path) ? inFolder(path) : path;
        if (!Files.exists(found)) throw InputException.in(found, "no such file", SOURCE);
        return found;
    }

    /** Weights in an open file, which closes with them, and at once where they cannot be used. */
    public static WeightsFile of(TensorFile file) {
        try {
            return new WeightsFile(file);
        } catch (RuntimeException e) {
            file.close();
            throw e;
        }
    }

    private static Path inFolder(Path folder) {
        for (String name : PUBLISHED) if (Files.exists(folder.resolve(name))) return folder.resolve(name);
        List<Path> others;
        try (Stream<Path> files = Files.list(folder)) {
            others = files.filter(Files::isRegularFile).filter(file -> ENDINGS.stream().anyMatch(file.toString()::endsWith))
                    .sorted().toList();
        } catch (IOException e) {
            throw new InputException(folder + ": cannot be read (" + InputException.reason(e) + "). Name the file with the weights", e);
        }
        if (others.size() == 1) return others.getFirst();
        for (String name : PUBLISHED)
            if (Files.exists(folder.resolve(name + ".index.json")))
                throw InputException.in(folder, "holds weights in several pieces (" + name + ".index.json), which is not supported",
                        "Save them as one file in Python: model.save_pretrained(FOLDER, max_shard_size='100GB')");
        if (others.isEmpty()) throw InputException.in(folder, "is a folder without weights (" + String.join(", ", PUBLISHED) + ")", SOURCE);
        throw InputException.in(folder, "is a folder with several weights: "
                + String.join(", ", others.stream().map(file -> file.getFileName().toString()).toList()), "Name one of them");
    }

    /** Whether the file holds a tower of a CLIP; other files open too. */
    public boolean isClip() {
        return !ClipNames.towers(tensors.keySet()).isEmpty();
    }

    /** The open file. */
    public TensorFile file() {
        return file;
    }

    /** The tensors that can be read, by Hugging Face's names. */
    public Map<String, TensorView> tensors() {
        return tensors;
    }

    /** Metadata that tell a later {@link #model} what the file, or a config beside it, tells now. */
    public Map<String, String> modelMetadata() {
        Map<String, String> metadata = new TreeMap<>();
        Path folder = file.file().toAbsolutePath().getParent();
        ClipNames.towers(tensors.keySet()).forEach(section -> HuggingFaceConfig.told(this, folder, section)
                .ifPresent(model -> metadata.put(section, model.text())));
        return metadata;
    }

    @Override
    public Optional<HuggingFaceConfig> model(String section) {
        String own = file.metadata().get(section);
        if (own != null) return Optional.of(HuggingFaceConfig.parse(file.file(), own));
        return file instanceof TorchFile torch && torch.script() ? Optional.of(HuggingFaceConfig.OPENAI) : Optional.empty();
    }

    @Override
    public Set<String> names() {
        Set<String> names = new LinkedHashSet<>(tensors.keySet());
        names.addAll(file.unsupported().keySet());
        return names;
    }

    private TensorView tensor(String name) {
        TensorView view = tensors.get(name);
        if (view == null) return file.floatTensor(name); // it says what is wrong
        if (!view.dtype().isFloat())
            throw InputException.in(file.file(), "tensor '" + name + "' has type " + view.dtype() + ", expected a floating-point one", "");
        return view;
    }

    @Override
    public Shape shape(String name) {
        return tensor(name).shape();
    }

    @Override
    public void copyTo(String name, MemorySegment target) {
        tensor(name).copyFloats(target);
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
