package dev.imu2clip.train;

import dev.imu2clip.io.InputException;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The files of a run:
 * <pre>
 * RUN/checkpoints/last.safetensors                     where the run stands: what --resume continues from
 * RUN/checkpoints/{identifier}-{epoch}-{val_loss}.safetensors   the best on the validation recordings
 * RUN/{identifier}_src_encoder.safetensors, .pt        the best checkpoint's encoder; .pt is what the reference loads
 * RUN/{identifier}_text_tower/                         and its text tower, where CLIP was tuned; as --clip takes it
 * RUN/metrics.jsonl, RUN/events.out.tfevents...        what was measured, step by step
 * RUN/results.json, RUN/losses.png                     at the end
 * RUN/{identifier}_candi_num_{n}.json                  the results as the reference writes them, n windows
 * </pre>
 * One process works in a run's folder at a time; a lock that the system drops with the process keeps others out.
 */
public record RunFolder(Path path) {
    /** Folders that runs of this process work in. */
    private static final Set<Path> HELD = ConcurrentHashMap.newKeySet();

    /**
     * A run's folder where none was named: {@code runs/identifier}, then {@code identifier_2} and so on. A new run gets the first that
     * holds no run, one that resumes the last that does.
     */
    public static RunFolder choose(Path runs, String identifier, boolean resume) {
        RunFolder chosen = new RunFolder(runs.resolve(identifier));
        for (int number = 2; Files.exists(chosen.last()); number++) {
            RunFolder next = new RunFolder(runs.resolve(identifier + "_" + number));
            if (resume && !Files.exists(next.last())) break;
            chosen = next;
        }
        return chosen;
    }

    public Path checkpoints() {
        return path.resolve("checkpoints");
    }

    public Path last() {
        return checkpoints().resolve("last.safetensors");
    }

    public Path metrics() {
        return path.resolve("metrics.jsonl");
    }

    public Path results() {
        return path.resolve("results.json");
    }

    /** Results under the reference's name and in its shape. */
    public Path referenceResults(Config config, int candidates) {
        return path.resolve(config.identifier() + "_candi_num_" + candidates + ".json");
    }

    public Path curves() {
        return path.resolve("losses.png");
    }

    public Path encoder(Config config) {
        return path.resolve(config.identifier() + "_src_encoder.safetensors");
    }

    /** The encoder in PyTorch's format, as the reference saves and loads it. */
    public Path referenceEncoder(Config config) {
        return path.resolve(config.identifier() + "_src_encoder.pt");
    }

    /** Folder of the tuned text tower. */
    public Path textTower(Config config) {
        return path.resolve(config.identifier() + "_text_tower");
    }

    /** @throws InputException when a new run would meet an old one, or a run to resume is not there; nothing is changed */
    void requireUsable(boolean resume) {
        if (!resume && Files.exists(last()))
            throw new InputException(path + ": holds a run already. Continue it with --resume, or give another --out");
        if (resume && !Files.isDirectory(checkpoints()))
            throw new InputException(path + ": holds no run to resume. Give the --out of a run, or begin one without --resume");
    }

    /** Deletes what killed processes left half-written, and checkpoints of this identifier that are not among the best any more. */
    void deleteStale(String identifier, List<Checkpoint.Best> best) {
        Set<String> kept = best.stream().map(Checkpoint.Best::file).collect(Collectors.toSet());
        try (Stream<Path> files = Files.list(checkpoints())) {
            for (Path file : files.toList()) {
                String name = file.getFileName().toString();
                boolean stale = name.startsWith(identifier + "-epoch=") && !kept.contains(name);
                if (stale || name.startsWith(".") && name.endsWith(".tmp")) Files.deleteIfExists(file);
            }
        } catch (IOException e) {
            // They cost space and nothing else.
        }
    }

    /** Keeps other processes, and other runs of this one, out until closed. */
    public AutoCloseable lock() {
        Path folder = null;
        try {
            Files.createDirectories(checkpoints());
            folder = path.toRealPath();
            // Asked first: a process that opens and closes the file once more would lose the system's lock on it.
            if (!HELD.add(folder)) throw inUse();
            FileChannel channel = FileChannel.open(path.resolve(".lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
            if (channel.tryLock() == null) {
                channel.close();
                HELD.remove(folder);
                throw inUse();
            }
            Path held = folder;
            return () -> {
                channel.close();
                HELD.remove(held);
            };
        } catch (IOException e) {
            if (folder != null) HELD.remove(folder);
            throw new InputException(path + ": the run's folder cannot be used (" + e.getMessage() + "). Give another --out", e);
        }
    }

    private InputException inUse() {
        return new InputException(path + ": another process is training in this folder. Wait for it, or give another --out");
    }
}
