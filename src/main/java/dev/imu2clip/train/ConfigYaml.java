package dev.imu2clip.train;

import dev.imu2clip.io.InputException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.api.lowlevel.Compose;
import org.snakeyaml.engine.v2.exceptions.Mark;
import org.snakeyaml.engine.v2.exceptions.MarkedYamlEngineException;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;
import org.snakeyaml.engine.v2.nodes.MappingNode;
import org.snakeyaml.engine.v2.nodes.Node;
import org.snakeyaml.engine.v2.nodes.NodeTuple;
import org.snakeyaml.engine.v2.nodes.ScalarNode;
import org.snakeyaml.engine.v2.nodes.SequenceNode;
import org.snakeyaml.engine.v2.nodes.Tag;

/** Reads YAML into a {@link ConfigBinder}, keeping the place of every value for its messages. */
final class ConfigYaml {
    /** Where the reference's configurations of pre-training lie. */
    private static final String CONTRASTIVE = "train_contrastive/";
    /** Configurations inside the jar; the repository has them in {@code configs/}. Those from the third on are the reference's. */
    static final List<String> EMBEDDED = List.of("default", "hapt", "train_contrastive/default", "ego4d_imu2text_mw2",
            "ego4d_imu2text_mw2_zeroshot_on_video", "ego4d_imu2video_mw2", "ego4d_imu2video_mw2_zeroshot_on_text",
            "ego4d_imu2text+video_mw2", "ego4d_imu2text+video_mw2_test_on_text", "ego4d_imu2text+video_mw2_test_on_video",
            "ego4d_text2video_zeroshot", "aria_imu2video_mw2");

    private ConfigYaml() {}

    static void read(Path file, ConfigBinder binder) {
        String source = file.toString();
        Optional<Node> root = compose(text(file), source);
        if (root.isEmpty() || isNull(root.get())) return;
        for (NodeTuple section : mapping(root.get(), source, "sections such as train_hparams:")) {
            String name = key(section, source);
            binder.checkSection(name, place(source, section.getKeyNode()));
            if (isNull(section.getValueNode())) continue;
            for (NodeTuple setting : mapping(section.getValueNode(), source, "settings of " + name + ", indented, one per line"))
                binder.put(name + "." + key(setting, source), value(setting.getValueNode(), source), place(source, setting.getKeyNode()));
        }
    }

    /** A value given on the command line, written as in YAML. */
    static Object value(String yaml, String place) {
        return compose(yaml, place).map(node -> value(node, place)).orElse("");
    }

    private static String text(Path source) {
        try {
            Optional<String> embedded = Files.isRegularFile(source) ? Optional.empty() : embedded(source);
            if (embedded.isPresent()) {
                try (InputStream in = ConfigYaml.class.getResourceAsStream("/configs/" + embedded.get() + ".yaml")) {
                    return new String(in.readAllBytes(), StandardCharsets.UTF_8);
                }
            }
            if (!Files.isRegularFile(source))
                throw InputException.in(source, Files.exists(source) ? "is not a file" : "no such configuration file",
                        "Give a YAML file, or the name of an embedded configuration: " + String.join(", ", EMBEDDED));
            return Files.readString(source);
        } catch (CharacterCodingException e) {
            throw InputException.in(source, "is not UTF-8 text", "Give a YAML file");
        } catch (IOException e) {
            throw new InputException(source + ": cannot be read (" + InputException.reason(e) + ")", e);
        }
    }

    /** The file in the jar that a name stands for: {@code ego4d_imu2text_mw2}, or as the reference writes it, {@code ./configs/train_contrastive/...yaml}. */
    private static Optional<String> embedded(Path source) {
        String name = source.normalize().toString().replace('\\', '/').replaceFirst("^configs/", "").replaceFirst("\\.yaml$", "");
        if (EMBEDDED.indexOf(name) >= 0) return Optional.of(EMBEDDED.indexOf(name) < 3 ? name : CONTRASTIVE + name);
        String plain = name.startsWith(CONTRASTIVE) ? name.substring(CONTRASTIVE.length()) : "";
        return EMBEDDED.indexOf(plain) >= 3 ? Optional.of(name) : Optional.empty();
    }

    private static Optional<Node> compose(String yaml, String label) {
        try {
            return new Compose(LoadSettings.builder().setLabel(label).build()).composeString(yaml);
        } catch (MarkedYamlEngineException e) {
            String place = e.getProblemMark().map(mark -> place(label, mark)).orElse(label);
            String begun = e.getContextMark().map(mark -> " (begun in line " + (mark.getLine() + 1) + ")").orElse("");
            throw new InputException(place + ": is not YAML: " + e.getProblem() + begun);
        } catch (YamlEngineException e) {
            throw new InputException(label + ": is not YAML: " + e.getMessage().lines().findFirst().orElse(""));
        }
    }

    private static List<NodeTuple> mapping(Node node, String source, String expected) {
        if (!(node instanceof MappingNode mapping)) throw new InputException(place(source, node) + ": expected " + expected);
        Set<String> seen = new HashSet<>();
        for (NodeTuple entry : mapping.getValue())
            if (!seen.add(key(entry, source)))
                throw new InputException(place(source, entry.getKeyNode()) + ": '" + key(entry, source)
                        + "' is given twice. Remove one of them");
        return mapping.getValue();
    }

    private static String key(NodeTuple entry, String source) {
        if (entry.getKeyNode() instanceof ScalarNode scalar) return scalar.getValue();
        throw new InputException(place(source, entry.getKeyNode()) + ": a key must be a word");
    }

    /** A string, or a list of strings: what it stands for is the setting's to say. */
    private static Object value(Node node, String source) {
        return switch (node) {
            case ScalarNode scalar -> isNull(scalar) ? "" : scalar.getValue();
            case SequenceNode sequence -> {
                List<String> items = new ArrayList<>();
                for (Node item : sequence.getValue()) {
                    if (!(item instanceof ScalarNode scalar))
                        throw new InputException(place(source, item) + ": a list may hold words and numbers only");
                    items.add(scalar.getValue());
                }
                yield items;
            }
            default -> throw new InputException(place(source, node) + ": expected a value or a list, not further keys");
        };
    }

    private static boolean isNull(Node node) {
        return node.getTag().equals(Tag.NULL);
    }

    private static String place(String source, Node node) {
        return node.getStartMark().map(mark -> place(source, mark)).orElse(source);
    }

    private static String place(String label, Mark mark) {
        return label + ":" + (mark.getLine() + 1) + ":" + (mark.getColumn() + 1);
    }
}
