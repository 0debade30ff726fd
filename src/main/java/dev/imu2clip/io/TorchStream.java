package dev.imu2clip.io;

import dev.imu2clip.io.TorchObjects.Storage;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;

/**
 * What {@code torch.save} wrote before PyTorch 1.6, and still does when told: pickles of a magic number, of the format's version, of the
 * machine and of the content, a list of storages' keys, and for each storage the number of its elements and the elements.
 */
final class TorchStream {
    /** The magic number as a pickle holds it, after the two bytes of the protocol. */
    private static final byte[] MAGIC = HexFormat.of().parseHex("8a0a6cfc9c46f9206aa850192e");
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final Path file;
    private final MemorySegment bytes;
    private final TorchObjects objects;
    private final Map<String, MemorySegment> storages = new HashMap<>();
    private Object content;
    private long at;

    private TorchStream(Path file, MemorySegment bytes) {
        this.file = file;
        this.bytes = bytes;
        this.objects = new TorchObjects(file);
    }

    static boolean matches(MemorySegment bytes) {
        return bytes.byteSize() >= 2 + MAGIC.length && bytes.get(ValueLayout.JAVA_BYTE, 0) == (byte) 0x80
                && bytes.asSlice(2, MAGIC.length).mismatch(MemorySegment.ofArray(MAGIC)) < 0;
    }

    static TorchStream read(Path file, MemorySegment bytes) {
        var stream = new TorchStream(file, bytes);
        stream.read();
        return stream;
    }

    Object content() {
        return content;
    }

    String unknown() {
        return objects.unknown();
    }

    MemorySegment storage(Storage storage) {
        MemorySegment found = storages.get(storage.key());
        if (found == null) throw broken("storage '" + storage.key() + "' is missing");
        return found;
    }

    private void read() {
        next("magic number");
        next("version");
        if (next("system") instanceof Pickle.Dict system && Boolean.FALSE.equals(system.entries().get("little_endian")))
            throw InputException.in(file, "was written on a big-endian machine", "Load it in Python and save its state dict again");
        content = next("content");
        if (!(next("list of storages") instanceof Pickle.Sequence keys)) throw broken("has no list of storages");
        for (Object key : keys.items) {
            Storage storage = key instanceof String text ? objects.storage(text) : null;
            if (storage == null) throw broken("lists a storage that no tensor has");
            long rest = bytes.byteSize() - at - Long.BYTES, size = storage.elements() * storage.type().bytes;
            if (rest < size || bytes.get(LONG, at) != storage.elements())
                throw broken("storage '" + key + "' of " + storage.elements() + " elements is cut or has another size");
            storages.put(storage.key(), bytes.asSlice(at + Long.BYTES, size).asReadOnly());
            at += Long.BYTES + size;
        }
    }

    private Object next(String what) {
        var pickle = new Pickle(file, "its pickle of the " + what, bytes, at, objects);
        Object value = pickle.read();
        at = pickle.end();
        return value;
    }

    private InputException broken(String problem) {
        return InputException.in(file, problem, "The file is damaged or not written completely; get it again");
    }
}
