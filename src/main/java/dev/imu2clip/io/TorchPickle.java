package dev.imu2clip.io;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The pickle of a state dict, protocol 2, as {@code torch.save} writes an {@code OrderedDict} of dense tensors without gradient. */
final class TorchPickle {
    private static final String DICT = "collections\nOrderedDict\n", REBUILD = "torch._utils\n_rebuild_tensor_v2\n";
    /** Python writes longer dictionaries in pieces. */
    private static final int BATCH = 1000;

    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final Map<String, Integer> memo = new HashMap<>();
    private int memoized;

    private TorchPickle() {}

    /** Storages have the tensors' places as keys. */
    static byte[] of(List<TensorSource> tensors) {
        var pickle = new TorchPickle();
        pickle.write(tensors);
        return pickle.out.toByteArray();
    }

    private void write(List<TensorSource> tensors) {
        bytes(0x80, 2);
        global(DICT);
        bytes(')', 'R');
        memoize();
        for (int from = 0; from < tensors.size(); from += BATCH) {
            List<TensorSource> batch = tensors.subList(from, Math.min(from + BATCH, tensors.size()));
            if (batch.size() > 1) bytes('(');
            for (int i = 0; i < batch.size(); i++) {
                text(batch.get(i).name());
                tensor(batch.get(i), from + i);
            }
            bytes(batch.size() > 1 ? 'u' : 's');
        }
        bytes('.');
    }

    private void tensor(TensorSource tensor, int key) {
        global(REBUILD);
        bytes('(', '(');
        shared("storage");
        global("torch\n" + TorchType.of(tensor.dtype()).storage + "\n");
        text(Integer.toString(key));
        shared("cpu");
        integer(tensor.shape().count());
        bytes('t');
        memoize();
        bytes('Q');
        integer(0);
        tuple(tensor.shape().sizes());
        tuple(TensorView.denseStrides(tensor.shape()));
        bytes(0x89);
        global(DICT);
        bytes(')', 'R');
        memoize();
        bytes('t');
        memoize();
        bytes('R');
        memoize();
    }

    private void tuple(long... items) {
        if (items.length == 0) {
            bytes(')');
            return;
        }
        if (items.length > 3) bytes('(');
        for (long item : items) integer(item);
        bytes(items.length > 3 ? 't' : 0x84 + items.length);
        memoize();
    }

    /** Named in full the first time, by its number afterwards. */
    private void global(String name) {
        if (recalled(name)) return;
        bytes('c');
        out.writeBytes(name.getBytes(StandardCharsets.US_ASCII));
        memo.put(name, memoized);
        memoize();
    }

    private void shared(String text) {
        if (recalled(text)) return;
        memo.put(text, memoized);
        text(text);
    }

    private boolean recalled(String name) {
        Integer number = memo.get(name);
        if (number == null) return false;
        if (number < 1 << 8) bytes('h', number);
        else {
            bytes('j');
            out.writeBytes(little(4).putInt(number).array());
        }
        return true;
    }

    private void text(String text) {
        byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
        bytes('X');
        out.writeBytes(little(4).putInt(utf8.length).array());
        out.writeBytes(utf8);
        memoize();
    }

    private void integer(long value) {
        if (value < 1 << 8) bytes('K', (int) value);
        else if (value < 1 << 16) bytes('M', (int) value, (int) value >> 8);
        else if (value <= Integer.MAX_VALUE) {
            bytes('J');
            out.writeBytes(little(4).putInt((int) value).array());
        } else {
            bytes(0x8A, 8);
            out.writeBytes(little(8).putLong(value).array());
        }
    }

    private void memoize() {
        if (memoized < 1 << 8) bytes('q', memoized);
        else {
            bytes('r');
            out.writeBytes(little(4).putInt(memoized).array());
        }
        memoized++;
    }

    private static ByteBuffer little(int size) {
        return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
    }

    private void bytes(int... values) {
        for (int value : values) out.write(value);
    }
}
