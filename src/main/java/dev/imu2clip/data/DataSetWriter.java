package dev.imu2clip.data;

import dev.imu2clip.io.InputException;
import dev.imu2clip.io.Npy;
import dev.imu2clip.io.Progress;
import dev.imu2clip.media.VideoPreparation;
import dev.imu2clip.tensor.Shape;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.stream.Stream;

/**
 * Writes a prepared data set. {@code dataset.json}, without which a folder is no data set, is written last, so an interrupted
 * import never looks finished.
 */
public final class DataSetWriter {
    private final Layout layout;
    private final List<RecordingInfo> recordings = new ArrayList<>();

    /**
     * @param overwrite remove what an earlier data set left in the folder; other files there are kept
     * @throws InputException when the folder is not empty and {@code overwrite} is false, or cannot be used
     */
    public DataSetWriter(Path folder, boolean overwrite) {
        layout = new Layout(folder);
        try {
            if (Files.exists(folder) && !Files.isDirectory(folder))
                throw InputException.in(folder, "is a file, expected a folder to write to", "");
            if (Files.isDirectory(folder)) {
                boolean empty;
                try (Stream<Path> entries = Files.list(folder)) {
                    empty = entries.findAny().isEmpty();
                }
                if (!empty && !overwrite)
                    throw InputException.in(folder, Files.exists(layout.info()) ? "already holds a data set" : "is not empty",
                            "Choose another folder or give --overwrite");
                removeOld();
            }
            Files.createDirectories(layout.signals());
        } catch (IOException e) {
            throw new InputException(folder + ": cannot be written to (" + e + "). Check the path and its permissions", e);
        }
    }

    private void removeOld() throws IOException {
        Files.deleteIfExists(layout.info()); // first: from here on the folder is no data set
        Files.deleteIfExists(layout.windows());
        Files.deleteIfExists(layout.recordings());
        for (Split split : Split.values()) Files.deleteIfExists(layout.split(split));
        removeFiles(layout.signals(), ".npy");
        removeFiles(layout.videos(), ".mp4");
    }

    private static void removeFiles(Path folder, String ending) throws IOException {
        if (!Files.isDirectory(folder)) return;
        List<Path> files;
        try (Stream<Path> entries = Files.list(folder)) {
            files = entries.filter(file -> file.toString().endsWith(ending)).toList();
        }
        for (Path file : files) Files.delete(file);
    }

    /** Writes a signal, six channels in m/s² and rad/s at {@link DataSetInfo#RATE_HZ}, and its clock, which begins at 0. */
    public void add(String uid, String subject, String source, float[][] channels) {
        Layout.checkUid(uid, layout.signal(uid));
        if (recordings.stream().anyMatch(r -> r.uid().equals(uid)))
            throw new InputException("two recordings are called " + uid + ". Rename one");
        int samples = channels[0].length;
        double stepMs = 1000.0 / DataSetInfo.RATE_HZ;
        Npy.write(layout.signal(uid), Npy.Type.F4, Shape.of(Recording.CHANNELS, samples), sink -> {
            for (int c = 0; c < Recording.CHANNELS; c++) sink.put(channels[c], 0, samples);
        });
        Npy.write(layout.timestamps(uid), Npy.Type.F8, Shape.of(samples), sink -> {
            for (int i = 0; i < samples; i++) sink.put(i * stepMs);
        });
        recordings.add(new RecordingInfo(uid, subject, DataSetInfo.RATE_HZ, (double) samples / DataSetInfo.RATE_HZ, source));
    }

    /** Prepares the film of a recording. @throws InputException when it cannot be read */
    void addVideo(String uid, Path film, Progress progress) {
        try {
            Files.createDirectories(layout.videos());
        } catch (IOException e) {
            throw new InputException(layout.videos() + ": cannot be made (" + InputException.reason(e) + ")", e);
        }
        VideoPreparation.prepare(film, layout.video(uid), Layout.VIDEO_FPS, Layout.VIDEO_SIZE, progress);
    }

    /** Recordings added so far. */
    public List<RecordingInfo> recordings() {
        return List.copyOf(recordings);
    }

    /** Writes windows, splits and, last, {@code dataset.json}. */
    public void finish(DataSetInfo info, List<Window> windows, Map<Split, List<String>> splits) {
        Json.write(layout.recordings(), recordings);
        WindowFile.write(layout.windows(), windows);
        for (Split split : Split.values()) Json.write(layout.split(split), splits.getOrDefault(split, List.of()));
        writeInfo(layout, info, recordings.size(), OptionalInt.of(windows.size()));
    }

    /**
     * Writes {@code dataset.json}, which makes a folder a data set: when all else is there.
     *
     * @param windows how many {@code windows.csv} lists, where there is one
     */
    public static void writeInfo(Layout layout, DataSetInfo info, int recordings, OptionalInt windows) {
        Map<String, Object> document = new LinkedHashMap<>();
        document.put("format", DataSetInfo.FORMAT);
        document.put("version", DataSetInfo.VERSION);
        document.put("name", info.name());
        document.put("rate_hz", DataSetInfo.RATE_HZ);
        document.put("channels", List.of("accel_x", "accel_y", "accel_z", "gyro_x", "gyro_y", "gyro_z"));
        Map<String, String> units = new LinkedHashMap<>();
        units.put("accel", "m/s^2");
        units.put("gyro", "rad/s");
        units.put("timestamps", "ms");
        document.put("units", units);
        document.put("window_sec", info.windowSec());
        document.put("source", info.source());
        document.put("licence", info.licence());
        document.put("citation", info.citation());
        document.put("creation", info.creation());
        document.put("recordings", recordings);
        windows.ifPresent(count -> document.put("windows", count));
        Json.write(layout.info(), document);
    }
}
