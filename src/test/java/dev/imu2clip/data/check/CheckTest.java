package dev.imu2clip.data.check;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.imu2clip.data.Json;
import dev.imu2clip.data.Layout;
import dev.imu2clip.data.SampleDataSet;
import dev.imu2clip.io.InputException;
import dev.imu2clip.io.Npy;
import dev.imu2clip.io.Progress;
import dev.imu2clip.tensor.Shape;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Every fault is built into a recording of its own of one sample set: it is found, and nothing else. */
class CheckTest {
    private static final DataCheck.Options OPTIONS = new DataCheck.Options(true, 2);
    private static final int MIDDLE_SEC = 90;

    /** A recording's clock in ms and its six channels, to be damaged. */
    private record Damage(double[] ms, float[][] channels) {}

    @FunctionalInterface
    private interface Fault {
        void into(Damage recording);
    }

    private static final Map<String, Fault> FAULTS = new LinkedHashMap<>();

    static {
        FAULTS.put("clock-backwards", r -> shift(r, -300));
        FAULTS.put("clock-jump", r -> shift(r, 6000));
        FAULTS.put("clock-gap", r -> shift(r, 500));
        FAULTS.put("clock-jitter", r -> Arrays.setAll(r.ms, i -> r.ms[i] + i % 2 * 3));
        FAULTS.put("clock-repeats", r -> r.ms[500] = r.ms[499]);
        FAULTS.put("clock-nan", r -> r.ms[500] = Double.NaN);
        FAULTS.put("rate", r -> Arrays.setAll(r.ms, i -> r.ms[i] * 1.03));
        FAULTS.put("accel-unit", r -> scale(r, 0, 1 / 9.80665f));
        FAULTS.put("gravity", r -> scale(r, 0, 1.2f));
        FAULTS.put("no-gravity", CheckTest::removeGravity);
        FAULTS.put("gyro-unit", r -> scale(r, 3, (float) Math.toDegrees(1)));
        FAULTS.put("axes", CheckTest::turnGyroscope);
        FAULTS.put("sensors-swapped", CheckTest::swapSensors);
        FAULTS.put("constant", r -> Arrays.fill(r.channels[4], 0.25f));
        FAULTS.put("saturated", r -> clip(r.channels[2], 12));
        FAULTS.put("stuck", r -> { for (float[] channel : r.channels) Arrays.fill(channel, 4000, 4400, channel[4000]); });
        FAULTS.put("nan", r -> r.channels[1][700] = Float.NaN);
        FAULTS.put("no-window", r -> Arrays.setAll(r.ms, i -> r.ms[i] + 1e7));
    }

    @TempDir
    private static Path folder;
    private static CheckReport report;

    @BeforeAll
    static void damage() {
        SampleDataSet.generate(folder, new SampleDataSet.Options(5, FAULTS.size() + 2, 3, true));
        int number = 0;
        for (Fault fault : FAULTS.values()) damage(uid(number++), fault);
        report = DataCheck.run(folder, OPTIONS, Progress.NONE);
        report.write(folder);
    }

    private static String uid(int number) {
        return String.format("sample_%04d", number);
    }

    private static void damage(String uid, Fault fault) {
        Layout layout = new Layout(folder);
        Damage recording;
        try (Arena arena = Arena.ofConfined()) {
            float[] all = Npy.map(layout.signal(uid), arena).toFloats();
            int n = all.length / 6;
            float[][] channels = new float[6][];
            Arrays.setAll(channels, c -> Arrays.copyOfRange(all, c * n, (c + 1) * n));
            var clock = Npy.map(layout.timestamps(uid), arena);
            double[] ms = new double[n];
            Arrays.setAll(ms, clock::at);
            recording = new Damage(ms, channels);
        }
        fault.into(recording);
        int n = recording.ms.length;
        Npy.write(layout.signal(uid), Npy.Type.F4, Shape.of(6, n), sink -> {
            for (float[] channel : recording.channels) sink.put(channel, 0, n);
        });
        Npy.write(layout.timestamps(uid), Npy.Type.F8, Shape.of(n), sink -> {
            for (double ms : recording.ms) sink.put(ms);
        });
    }

    private static void shift(Damage r, double by) {
        for (int i = r.ms.length / 2; i < r.ms.length; i++) r.ms[i] += by;
    }

    private static void scale(Damage r, int sensor, float by) {
        for (int c = sensor; c < sensor + 3; c++) for (int i = 0; i < r.ms.length; i++) r.channels[c][i] *= by;
    }

    /** A running mean of a second is what a phone's "linear acceleration" lacks. */
    private static void removeGravity(Damage r) {
        for (int c = 0; c < 3; c++) {
            float[] channel = r.channels[c];
            float slow = channel[0];
            for (int i = 0; i < channel.length; i++) {
                slow += (channel[i] - slow) / 200;
                channel[i] -= slow;
            }
        }
    }

    private static void turnGyroscope(Damage r) {
        float[] x = r.channels[3];
        r.channels[3] = r.channels[4];
        r.channels[4] = x;
    }

    private static void swapSensors(Damage r) {
        for (int c = 0; c < 3; c++) {
            float[] accel = r.channels[c];
            r.channels[c] = r.channels[c + 3];
            r.channels[c + 3] = accel;
        }
    }

    private static void clip(float[] channel, float at) {
        for (int i = 0; i < channel.length; i++) channel[i] = Math.min(channel[i], at);
    }

    @Test
    void everyFaultIsFoundAndNothingElse() {
        Map<String, List<String>> expected = new TreeMap<>(), found = new TreeMap<>();
        int number = 0;
        for (String code : FAULTS.keySet()) expected.put(uid(number++), List.of(code));
        for (; number < FAULTS.size() + 2; number++) expected.put(uid(number), List.of());
        for (RecordingReport recording : report.recordings())
            found.put(recording.uid(), recording.findings().stream().map(Finding::code).toList());
        assertEquals(expected, found);
    }

    @Test
    void whatIsOfNoUseIsBad() {
        Map<String, Status> status = new TreeMap<>();
        int number = 0;
        for (String code : FAULTS.keySet()) status.put(code, report.recordings().get(number++).status());
        List<String> bad = List.of("clock-backwards", "clock-nan", "accel-unit", "no-gravity", "gyro-unit", "sensors-swapped", "no-window");
        status.forEach((code, is) -> assertEquals(bad.contains(code) ? Status.BAD : Status.WARNING, is, code));
        assertEquals(Status.BAD, report.status());
        assertTrue(report.summary().contains(bad.size() + " bad; "), report.summary());
    }

    @Test
    void findingsTellWhatWasMeasured() {
        assertTrue(text("clock-backwards").contains("by -0.295 s at "), text("clock-backwards"));
        assertTrue(text("clock-gap").contains("together 0.505 s"), text("clock-gap"));
        assertTrue(text("rate").startsWith("194.1"), text("rate"));
        assertTrue(text("accel-unit").contains("probably g"), text("accel-unit"));
        assertTrue(text("gyro-unit").contains("deg/s"), text("gyro-unit"));
        assertTrue(text("axes").contains("(y x z)"), text("axes"));
        assertTrue(text("constant").startsWith("gyro_y is 0.25"), text("constant"));
        assertTrue(text("saturated").startsWith("accel_z"), text("saturated"));
    }

    private static String text(String code) {
        return report.recordings().stream().flatMap(recording -> recording.findings().stream())
                .filter(finding -> finding.code().equals(code)).findFirst()
                .orElseThrow().text();
    }

    @Test
    void everyLostWindowIsListedWithItsReason() throws IOException {
        JsonNode json = Json.read(folder.resolve("check.json"));
        int lost = 0;
        for (JsonNode recording : json.path("recordings")) {
            int here = recording.path("rejected").size();
            lost += here;
            for (JsonNode window : recording.path("rejected")) {
                assertEquals("listed", window.path("rule").asText());
                assertFalse(window.path("reason").asText().isEmpty());
                assertFalse(window.path("detail").asText().contains(folder.toString()), "no path of this machine");
                assertEquals(5, window.path("end").asDouble() - window.path("start").asDouble(), 1e-9);
            }
            List<String> all = List.of(uid(0), uid(5), uid(FAULTS.size() - 1)); // backwards, NaN in the clock, beyond reach
            if (all.contains(recording.path("uid").asText())) assertEquals(36, here);
        }
        int counted = 0;
        for (JsonNode count : json.path("rejected_windows").path("listed")) counted += count.asInt();
        assertEquals(lost, counted);
        assertEquals(36 * (FAULTS.size() + 2), json.path("windows").asInt());
    }

    @Test
    void theJsonHasItsShape() {
        JsonNode json = Json.read(folder.resolve("check.json"));
        assertEquals("imu2clip data check", json.path("format").asText());
        assertEquals(1, json.path("version").asInt());
        assertEquals("bad", json.path("status").asText());
        assertEquals(2, json.path("counts").path("ok").asInt());
        assertEquals(1, json.path("findings").path("clock-gap").asInt());
        JsonNode recording = json.path("recordings").get(2);
        assertEquals("gap", recording.path("clock").path("places").get(0).path("what").asText());
        assertEquals(MIDDLE_SEC, recording.path("clock").path("places").get(0).path("at_sec").asDouble(), 2);
        assertEquals(5, recording.path("clock").path("median_step_ms").asDouble(), 1e-6);
        assertEquals(200, recording.path("clock").path("rate_hz").asDouble(), 1e-3);
        assertEquals(6, recording.path("channels").size());
        assertEquals("accel_x", recording.path("channels").get(0).path("name").asText());
        assertEquals(9.8, recording.path("gravity").path("length").asDouble(), 0.3);
        assertTrue(recording.path("gravity").path("rest").asBoolean());
        assertEquals("x y z", recording.path("turning").path("best_axes").asText());
        assertFalse(recording.has("envelope") || recording.has("video_lag"), "plots are the page's; there is no film");
    }

    /** As XML, with text that would break it. */
    @Test
    void thePageIsWellFormedAndAlone() throws Exception {
        Path info = folder.resolve("dataset.json");
        byte[] before = Files.readAllBytes(info);
        ObjectNode node = (ObjectNode) Json.read(info);
        Json.write(info, node.put("name", "<script>&\"'\u0001\uD800"));
        String page;
        try {
            page = CheckPage.of(DataCheck.run(folder, OPTIONS, Progress.NONE));
        } finally {
            Files.write(info, before);
        }
        var document = DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(new ByteArrayInputStream(page.getBytes(StandardCharsets.UTF_8)));
        assertEquals("Data check: <script>&\"'??", document.getElementsByTagName("title").item(0).getTextContent());
        assertEquals(FAULTS.size() + 2, document.getElementsByTagName("details").getLength());
        assertTrue(document.getElementsByTagName("svg").getLength() >= 3 * FAULTS.size());
        assertEquals(0, document.getElementsByTagName("script").getLength());
        assertFalse(page.replace("http://www.w3.org/1999/xhtml", "").matches("(?s).*(https?:|url\\(|@import|src=|href=\"[^#]).*"));
        assertTrue(page.length() < 30_000 * (FAULTS.size() + 2), page.length() + " characters");
    }

    @Test
    void aCleanSampleGivesNoWarning(@TempDir Path clean) {
        SampleDataSet.generate(clean, new SampleDataSet.Options(0, 4, 1, false));
        CheckReport report = DataCheck.run(clean, OPTIONS, Progress.NONE);
        assertEquals(Status.OK, report.status(), report.summary());
        assertEquals(Map.of(), report.findings());
        assertEquals(48, report.windows());
    }

    @Test
    void missingAndDamagedFiles(@TempDir Path broken) throws IOException {
        SampleDataSet.generate(broken, new SampleDataSet.Options(0, 5, 1, false));
        Layout layout = new Layout(broken);
        Files.delete(layout.signal(uid(0)));
        Files.delete(layout.timestamps(uid(1)));
        byte[] bytes = Files.readAllBytes(layout.signal(uid(2)));
        Files.write(layout.signal(uid(2)), Arrays.copyOf(bytes, bytes.length / 2));
        Npy.write(layout.signal(uid(3)), Npy.Type.F4, Shape.of(5, 4), sink -> sink.put(new float[20], 0, 20));
        CheckReport report = DataCheck.run(broken, OPTIONS, Progress.NONE);
        assertEquals(List.of("file-missing", "file-missing", "file-damaged", "channels"), report.recordings().stream().limit(4)
                .map(recording -> recording.findings().getFirst().code()).toList());
        report.recordings().stream().limit(4).forEach(recording -> assertEquals(1, recording.findings().size(), recording.uid()));
        assertEquals(Status.OK, report.recordings().get(4).status());
        report.write(broken);
        assertFalse(Files.readString(broken.resolve("check.json")).contains(broken.toString()));
    }

    @Test
    void otherFoldersAreErrors(@TempDir Path empty) {
        assertThrows(InputException.class, () -> DataCheck.run(empty, OPTIONS, Progress.NONE));
        assertThrows(InputException.class, () -> DataCheck.run(empty.resolve("none"), OPTIONS, Progress.NONE));
        assertThrows(InputException.class, () -> new DataCheck.Options(true, 0));
    }
}
