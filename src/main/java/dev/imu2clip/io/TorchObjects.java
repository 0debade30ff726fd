package dev.imu2clip.io;

import dev.imu2clip.io.Pickle.Dict;
import dev.imu2clip.io.Pickle.Global;
import dev.imu2clip.io.Pickle.Sequence;
import dev.imu2clip.io.Pickle.Tuple;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Knows the functions that rebuild PyTorch's tensors, as tables and not as code to run. Whatever else a pickle names is remembered. */
final class TorchObjects implements Pickle.Builder {
    /** PyTorch's own limit. */
    private static final int MAX_RANK = 64;
    /** Items that calls may copy out of their arguments: a call is short, and its arguments may be those of another. */
    private static final int MAX_COPIED = 1 << 22;

    /** They neither are tensors nor lead to any, and are harmless beside them. */
    private static final Set<String> INERT = Set.of("torch.device", "torch.nn.parameter.Parameter", "torch.Tensor", "_codecs.encode",
            "builtins.set", "__builtin__.set", "builtins.frozenset", "__builtin__.frozenset",
            "builtins.bytearray", "__builtin__.bytearray");

    /** @param elements how many of {@code type} it holds */
    record Storage(String key, TorchType type, long elements) {}

    /** As the pickle says it: nothing is checked but that they are numbers. */
    record Tensor(Storage storage, TorchType type, long offset, long[] sizes, long[] strides) {}

    private final Path file;
    private final Map<String, Storage> storages = new HashMap<>();
    private String unknown;
    private int copied;

    TorchObjects(Path file) {
        this.file = file;
    }

    /** The first class or function that was named and is not known; null where all are. */
    String unknown() {
        return unknown;
    }

    /** A storage by its key; null where the pickle names none. */
    Storage storage(String key) {
        return storages.get(key);
    }

    @Override
    public void named(Global global) {
        String name = global.name();
        boolean known = INERT.contains(name) || isFunction(name) || TorchType.ofStorage(name) != null || TorchType.ofDtype(name) != null;
        if (!known && unknown == null) unknown = name;
    }

    private static boolean isFunction(String name) {
        return switch (name) {
            case "collections.OrderedDict", "collections.defaultdict", "torch.Size", "torch._utils._rebuild_tensor",
                    "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor_v3", "torch._utils._rebuild_parameter",
                    "torch._utils._rebuild_parameter_with_state", "torch._tensor._rebuild_from_type_v2" -> true;
            default -> false;
        };
    }

    @Override
    public Object call(Global function, List<Object> arguments) {
        return switch (function.name()) {
            case "collections.OrderedDict" -> dictionary(arguments);
            case "collections.defaultdict" -> new Dict();
            case "torch.Size" -> new Tuple(longs(arguments.isEmpty() ? null : arguments.getFirst()));
            case "torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2" -> tensor(arguments, null);
            case "torch._utils._rebuild_tensor_v3" -> tensor(arguments, argument(arguments, 6));
            case "torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state" -> argument(arguments, 0);
            case "torch._tensor._rebuild_from_type_v2" -> fromType(arguments);
            default -> null;
        };
    }

    /** A tensor of a subclass, or with attributes: what its own function makes. */
    private Object fromType(List<Object> arguments) {
        if (!(argument(arguments, 0) instanceof Global function && argument(arguments, 2) instanceof Tuple inner
                && !function.name().equals("torch._tensor._rebuild_from_type_v2")))
            throw broken("rebuilds a tensor from no function and arguments");
        Object made = call(function, inner.items);
        return made == null ? new Pickle.Instance(function) : made;
    }

    private Dict dictionary(List<Object> arguments) {
        var dict = new Dict();
        if (arguments.isEmpty() || !(arguments.getFirst() instanceof Sequence pairs)) return dict;
        copying(pairs.items.size());
        for (Object pair : pairs.items) {
            List<Object> items = pair instanceof Sequence list ? list.items : pair instanceof Tuple tuple ? tuple.items : List.of();
            if (items.size() == 2) dict.put(items.get(0), items.get(1));
        }
        return dict;
    }

    private Tensor tensor(List<Object> arguments, Object dtype) {
        if (!(argument(arguments, 0) instanceof Storage storage && argument(arguments, 1) instanceof Long offset))
            throw broken("rebuilds a tensor from something that is no storage and offset");
        TorchType type = dtype instanceof Global global ? TorchType.ofDtype(global.name()) : storage.type;
        if (type == null || type == TorchType.UNTYPED) throw broken("rebuilds a tensor of an unknown type");
        return new Tensor(storage, type, offset, array(argument(arguments, 2)), array(argument(arguments, 3)));
    }

    private long[] array(Object value) {
        return longs(value).stream().mapToLong(item -> (Long) item).toArray();
    }

    private List<Object> longs(Object value) {
        List<Object> items = value instanceof Tuple tuple ? tuple.items : value instanceof Sequence list ? list.items : null;
        if (items == null || items.size() > MAX_RANK || !items.stream().allMatch(Long.class::isInstance))
            throw broken("gives a tensor a size that is no tuple of at most " + MAX_RANK + " whole numbers");
        copying(items.size());
        return List.copyOf(items);
    }

    private void copying(int items) {
        copied += items;
        if (copied > MAX_COPIED || copied < 0) throw broken("copies more than " + MAX_COPIED + " items");
    }

    /** {@code ('storage', torch.FloatStorage, '0', 'cpu', 1024)}; older files add what the storage is a part of. */
    @Override
    public Object persistent(Object id) {
        List<Object> parts = id instanceof Tuple tuple ? tuple.items : List.of();
        if (parts.size() < 5 || !"storage".equals(parts.get(0)) || !(parts.get(1) instanceof Global global)
                || !(parts.get(2) instanceof String key) || !(parts.get(4) instanceof Long elements))
            throw broken("refers to something that is no storage");
        if (parts.size() > 5 && parts.get(5) != Pickle.NONE) throw broken("refers to a part of a storage, as only very old versions do");
        TorchType type = TorchType.ofStorage(global.name());
        if (type == null) throw broken("has a storage of the unknown type " + global.name());
        if (elements < 0 || elements > Long.MAX_VALUE / type.bytes) throw broken("has a storage of " + elements + " elements");
        var storage = new Storage(key, type, elements);
        storages.put(key, storage);
        return storage;
    }

    private static Object argument(List<Object> arguments, int i) {
        return i < arguments.size() ? arguments.get(i) : Pickle.NONE;
    }

    private InputException broken(String problem) {
        return InputException.in(file, "its pickle " + problem, "The file is damaged; get it again, or save it with a current PyTorch");
    }
}
