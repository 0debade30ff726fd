package dev.imu2clip.io;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.imu2clip.io.TorchObjects.Storage;
import dev.imu2clip.io.TorchObjects.Tensor;
import dev.imu2clip.tensor.Shape;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * A file of {@code torch.save} (the zip archive of PyTorch 1.6 and later, or the stream before it) or {@code torch.jit.save}. Nothing in
 * it is executed: see {@link Pickle}; which of its tensors are found, and under which names: see {@link TorchStateDict}.
 */
public final class TorchFile implements TensorFile {
    /** A record that {@link TorchWriter} adds for us and PyTorch does not look at. */
    static final String METADATA = "imu2clip.json";
    private static final int METADATA_MAX = 1 << 20;
    private static final String AGAIN = "Load it with a current PyTorch and save its state dict again";

    private final Path file;
    private final Arena arena;
    private boolean script;
    private Map<String, String> metadata = Map.of();
    private final Map<String, TensorView> tensors = new LinkedHashMap<>();
    private final Map<String, String> unsupported = new LinkedHashMap<>();

    private TorchFile(Path file, Arena arena) {
        this.file = file;
        this.arena = arena;
    }

    static boolean matches(MemorySegment bytes) {
        return bytes.byteSize() > 3 && bytes.get(ValueLayout.JAVA_BYTE, 0) == 'P' && bytes.get(ValueLayout.JAVA_BYTE, 1) == 'K'
                || TorchStream.matches(bytes);
    }

    static TorchFile of(Path file, MemorySegment bytes, Arena arena) {
        var torch = new TorchFile(file, arena);
        if (TorchStream.matches(bytes)) torch.readStream(bytes);
        else torch.readArchive(ZipDirectory.read(file, bytes));
        return torch;
    }

    private void readArchive(ZipDirectory zip) {
        List<String> roots = zip.names().stream().filter(name -> name.matches("[^/]*/data\\.pkl"))
                .map(name -> name.substring(0, name.indexOf('/') + 1)).toList();
        if (roots.size() != 1)
            throw InputException.in(file, "is a zip archive with " + roots.size() + " entries FOLDER/data.pkl, not one of PyTorch", AGAIN);
        String root = roots.getFirst();
        if (zip.has(root + "byteorder") && text(zip.content(root + "byteorder"), 16).startsWith("big"))
            throw InputException.in(file, "was written on a big-endian machine", AGAIN + " on another one");
        script = zip.has(root + "constants.pkl");
        var objects = new TorchObjects(file);
        Object content = new Pickle(file, "its data.pkl", zip.content(root + "data.pkl"), 0, objects).read();
        Map<String, MemorySegment> contents = new LinkedHashMap<>();
        build(TorchStateDict.find(file, content, script, objects.unknown()),
                storage -> contents.computeIfAbsent(storage.key(), key -> zip.content(root + "data/" + key)));
        if (zip.has(root + METADATA)) metadata = metadata(zip.content(root + METADATA));
    }

    private void readStream(MemorySegment bytes) {
        TorchStream stream = TorchStream.read(file, bytes);
        build(TorchStateDict.find(file, stream.content(), false, stream.unknown()), stream::storage);
    }

    private void build(Map<String, Tensor> found, Function<Storage, MemorySegment> contents) {
        found.forEach((name, tensor) -> {
            long elements = checked(name, tensor);
            MemorySegment storage = contents.apply(tensor.storage());
            long needed = tensor.storage().elements() * tensor.storage().type().bytes;
            if (storage.byteSize() < needed)
                throw broken(name, "storage '" + tensor.storage().key() + "' has " + storage.byteSize() + " bytes of " + needed);
            if (tensor.type().dtype == null) unsupported.put(name, tensor.type().toString());
            // Such a tensor may claim any size without a byte behind it.
            else if (elements > needed / tensor.type().bytes) unsupported.put(name, tensor.type() + " with repeated elements");
            else tensors.put(name, new TensorView(name, tensor.type().dtype, Shape.of(tensor.sizes()), tensor.strides(), tensor.offset(),
                    storage));
        });
    }

    /** How many elements a tensor has, all of which lie inside its storage. */
    private long checked(String name, Tensor tensor) {
        long[] sizes = tensor.sizes(), strides = tensor.strides();
        boolean valid = sizes.length == strides.length && tensor.offset() >= 0;
        try {
            long count = 1, last = tensor.offset();
            for (int i = 0; i < sizes.length && valid; i++) {
                valid = sizes[i] >= 0 && strides[i] >= 0;
                count = Math.multiplyExact(count, sizes[i]);
                if (sizes[i] > 0) last = Math.addExact(last, Math.multiplyExact(sizes[i] - 1, strides[i]));
            }
            long room = tensor.storage().elements() * tensor.storage().type().bytes / tensor.type().bytes;
            if (valid && (count == 0 || last < room)) return count;
        } catch (ArithmeticException e) {
            // It is larger than any file.
        }
        throw broken(name, "size " + Arrays.toString(sizes) + " with strides " + Arrays.toString(strides) + " from element "
                + tensor.offset() + " on does not fit into its storage of " + tensor.storage().elements());
    }

    private Map<String, String> metadata(MemorySegment json) {
        try {
            Map<String, String> texts = new JsonMapper().readValue(text(json, METADATA_MAX), new TypeReference<>() {});
            if (texts != null && !texts.containsValue(null)) return Collections.unmodifiableMap(texts);
        } catch (JsonProcessingException e) {
            // Told below.
        }
        throw InputException.in(file, "its " + METADATA + " holds no texts by name", "The file is damaged; get it again");
    }

    private static String text(MemorySegment bytes, int most) {
        return new String(bytes.asSlice(0, Math.min(most, bytes.byteSize())).toArray(ValueLayout.JAVA_BYTE), StandardCharsets.UTF_8);
    }

    private InputException broken(String tensor, String problem) {
        return InputException.in(file, "tensor '" + tensor + "': " + problem, "The file is damaged; get it again");
    }

    /** Whether this is a TorchScript module, as OpenAI publishes CLIP. */
    public boolean script() {
        return script;
    }

    @Override
    public Path file() {
        return file;
    }

    @Override
    public Map<String, String> metadata() {
        return metadata;
    }

    @Override
    public Map<String, TensorView> tensors() {
        return Collections.unmodifiableMap(tensors);
    }

    @Override
    public Map<String, String> unsupported() {
        return Collections.unmodifiableMap(unsupported);
    }

    @Override
    public void close() {
        arena.close();
    }
}
