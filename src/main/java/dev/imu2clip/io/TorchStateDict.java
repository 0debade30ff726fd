package dev.imu2clip.io;

import dev.imu2clip.io.Pickle.Dict;
import dev.imu2clip.io.Pickle.Global;
import dev.imu2clip.io.Pickle.Instance;
import dev.imu2clip.io.TorchObjects.Tensor;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Finds the named tensors in what a file of PyTorch holds:
 * <ul>
 * <li>a state dict: a dictionary of tensors. Any class or function that we do not know is an error that names it;</li>
 * <li>a training checkpoint: a dictionary with a state dict under {@code state_dict} (PyTorch Lightning, open_clip),
 * {@code model_state_dict} or {@code model}. Unknown classes beside it are left alone; inside it they are errors;</li>
 * <li>a TorchScript module: its tensors under the names that {@code module.state_dict()} gives them.</li>
 * </ul>
 */
final class TorchStateDict {
    private static final List<String> CHECKPOINT_KEYS = List.of("state_dict", "model_state_dict", "model");
    private static final int MAX_DEPTH = 64, MAX_ATTRIBUTES = 1 << 16, MAX_NAME = 500;

    private final Path file;
    private final Map<String, Tensor> tensors = new LinkedHashMap<>();
    private int attributes;

    private TorchStateDict(Path file) {
        this.file = file;
    }

    /** @param unknown the first class that the file names and we do not know; null where there is none */
    static Map<String, Tensor> find(Path file, Object root, boolean script, String unknown) {
        var found = new TorchStateDict(file);
        if (script) found.walk("", root, 0);
        else found.search(root, unknown);
        if (found.tensors.isEmpty())
            throw InputException.in(file, "holds no tensors by name", "Save the state dict: torch.save(model.state_dict(), FILE)");
        return found.tensors;
    }

    private void search(Object root, String unknown) {
        if (!(root instanceof Dict dict)) throw strange(root, "the whole file");
        for (String key : CHECKPOINT_KEYS) {
            Object inner = dict.entries().get(key);
            if (inner instanceof Dict state) {
                collect(state, "'" + key + "'");
                return;
            }
            if (inner instanceof Instance) throw strange(inner, "'" + key + "'");
        }
        if (unknown != null) throw unknown(unknown, "");
        collect(dict, "the whole file");
    }

    private void collect(Dict dict, String where) {
        dict.entries().forEach((key, value) -> {
            if (value instanceof Tensor tensor && key instanceof String name) add(name, tensor);
            else if (value instanceof Instance || value instanceof Global) throw strange(value, "'" + key + "' in " + where);
        });
    }

    /** The attributes of a module and of the modules in it. */
    private void walk(String name, Object value, int depth) {
        checkLength(name); // here too, since names grow with the depth
        if (value instanceof Tensor tensor && !name.isEmpty()) add(name, tensor);
        if (!(value instanceof Instance module && module.state instanceof Dict state)) return;
        if (depth == MAX_DEPTH) throw InputException.in(file, "module '" + name + "' is nested too deeply", "The file is damaged");
        state.entries().forEach((key, attribute) -> {
            if (++attributes > MAX_ATTRIBUTES) throw InputException.in(file, "has more than " + MAX_ATTRIBUTES + " attributes", "");
            if (key instanceof String part) walk(name.isEmpty() ? part : name + "." + part, attribute, depth + 1);
        });
    }

    private void add(String name, Tensor tensor) {
        checkLength(name);
        tensors.put(name, tensor);
    }

    private void checkLength(String name) {
        if (name.length() > MAX_NAME) throw InputException.in(file, "has a tensor with a name of " + name.length() + " characters", "");
    }

    private InputException strange(Object value, String where) {
        return switch (value) {
            case Instance instance -> unknown(instance.type.name(), " for " + where);
            case Global global -> unknown(global.name(), " for " + where);
            default -> InputException.in(file, where + " holds no dictionary of tensors",
                    "Save the state dict: torch.save(model.state_dict(), FILE)");
        };
    }

    private InputException unknown(String global, String where) {
        return InputException.in(file, "names '" + global + "'" + where
                + ", which is not known and will not be run; only tensors, numbers and texts are read",
                "Save only the state dict: torch.save(model.state_dict(), FILE)");
    }
}
