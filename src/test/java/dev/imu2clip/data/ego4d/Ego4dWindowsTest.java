package dev.imu2clip.data.ego4d;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.imu2clip.TestData;
import dev.imu2clip.data.Layout;
import dev.imu2clip.data.Modality;
import dev.imu2clip.data.Split;
import dev.imu2clip.data.Window;
import dev.imu2clip.io.InputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class Ego4dWindowsTest {
    private static final Set<String> ALL = Set.of("a", "b", "c", Ego4dWindows.EXCLUDED);

    @TempDir
    Path folder;
    private Layout layout;

    @BeforeEach
    void layout() {
        layout = new Layout(folder);
    }

    private void metadata(String... videos) throws IOException {
        Files.writeString(layout.metadata(), "{\"videos\": [" + String.join(",", videos) + "], \"clips\": []}");
    }

    private static String video(String uid, boolean imu, double seconds, String audio) {
        return "{\"video_uid\": \"" + uid + "\", \"has_imu\": " + imu + ", \"video_metadata\": {\"video_duration_sec\": " + seconds
                + ", \"audio_start_sec\": " + audio + "}}";
    }

    private void narrations(String json) throws IOException {
        Files.writeString(layout.narrations(), json.replace('\'', '"'));
    }

    private static String narration(double seconds, String text) {
        return "{'timestamp_sec': " + seconds + ", 'narration_text': '" + text + "', 'annotation_uid': 'x', 'timestamp_frame': 1}";
    }

    private List<Window> windows(double windowSec, Modality... modalities) {
        return new Ego4dWindows(windowSec, EnumSet.copyOf(List.of(modalities)), Ego4dWindows.Sampling.ALL).windows(layout, ALL);
    }

    private static String brief(List<Window> windows) {
        return windows.stream().map(w -> w.uid() + " " + w.start() + " " + w.end() + " " + w.text()).toList().toString();
    }

    @Test
    void narratedWindowsStayInsideTheVideo() throws IOException {
        metadata(video("a", true, 63.7, "null"));
        narrations("{'a': {'narration_pass_2': {'narrations': [" + narration(20, "#C C second") + "]}, 'narration_pass_1': {'narrations': ["
                + String.join(",", narration(0.2, "#C C starts"), narration(5, "#C at five"), narration(5.01, "#c C just after"),
                        narration(30.9, "#C C in the middle."), narration(31, "#O someone else"), narration(58.71, "#C C ends"),
                        narration(63.7, "#C C the last")) + "]}}}");
        assertEquals("[a 0.0 5.0 starts, a 0.0 5.0 at five, a 2.0 7.0 c c just after, a 28.0 33.0 in the middle, "
                + "a 58.0 63.0 ends, a 58.0 63.0 the last, a 17.0 22.0 second]", brief(windows(2.5, Modality.IMU, Modality.TEXT)));
    }

    /** With a length that is no whole number, rounding down both ends changes it nearly always: the reference leaves such windows out. */
    @Test
    void leavesOutWhatRoundingChanged() throws IOException {
        metadata(video("a", true, 60, "null"));
        narrations("{'a': {'narration_pass_1': {'narrations': [" + narration(20, "#C C a") + "]}}}");
        assertEquals(List.of(), windows(1.25, Modality.TEXT));
        assertEquals(1, windows(2, Modality.TEXT).size());
    }

    @Test
    void unlabelledWindowsEndBeforeTheVideo() throws IOException {
        metadata(video("a", true, 15, "null"), video("b", true, 15.01, "0.0"), video("c", true, 4.9, "null"));
        assertEquals("[a 0.0 5.0 , a 5.0 10.0 , b 0.0 5.0 , b 5.0 10.0 , b 10.0 15.0 ]", brief(windows(5, Modality.IMU, Modality.VIDEO)));
    }

    @Test
    void leavesOutVideosWithoutTheModality() throws IOException {
        metadata(video("a", false, 11, "0.5"), video("b", true, 11, "0"), video(Ego4dWindows.EXCLUDED, true, 11, "0"), video("z", true, 11, "0"));
        assertEquals(4, windows(5, Modality.VIDEO).size(), "z is in no split, one is excluded");
        assertEquals("[b 0.0 5.0 , b 5.0 10.0 ]", brief(windows(5, Modality.IMU)));
        assertEquals(List.of(), windows(5, Modality.AUDIO), "no sound has been prepared");
        Files.createDirectories(layout.audio("b").getParent());
        Files.writeString(layout.audio("b"), "");
        assertEquals(2, windows(5, Modality.AUDIO).size());
    }

    @Test
    void leavesOutListedBadWindows() throws IOException {
        metadata(video("a", true, 21, "null"));
        Files.writeString(folder.resolve("bad_imu_windows_5.0.json"), "[[\"a\", 5.0, 10.0], [\"a\", 15, 20]]");
        Files.writeString(folder.resolve("bad_imu_windows_2.5.json"), "[[\"a\", 0, 5]]");
        assertEquals("[a 0.0 5.0 , a 10.0 15.0 ]", brief(windows(5, Modality.IMU)));
        narrations("{'a': {'narration_pass_1': {'narrations': [" + narration(1, "#C C a") + "," + narration(10, "#C C b") + "]}}}");
        assertEquals("[a 7.0 12.0 b]", brief(windows(2.5, Modality.IMU, Modality.TEXT)));
    }

    @Test
    void samplesAFewOfEveryVideo() throws IOException {
        metadata(video("a", true, 501, "null"), video("b", true, 501, "null"));
        var rule = new Ego4dWindows(5, Set.of(Modality.IMU), new Ego4dWindows.Sampling(1, 2, 7));
        List<Window> some = rule.windows(layout, ALL);
        assertEquals(List.of("a", "a", "b", "b"), some.stream().map(Window::uid).toList());
        assertEquals(4, new HashSet<>(some).size());
        assertEquals(some, rule.windows(layout, ALL), "the same seed, the same windows");
        int half = new Ego4dWindows(5, Set.of(Modality.IMU), new Ego4dWindows.Sampling(0.5, 0, 7)).windows(layout, ALL).size();
        assertTrue(half > 70 && half < 130, half + " of 200");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {"#C C picks up a cup. | picks up a cup", "#C looks at #unsure | looks at something",
        "  #C C \"Walks\"!?  | walks", "#C C opens the (door) | opens the (door", "#C C sits . | 'sits '", "#C C C talks | c talks"})
    void cleansAsTheReferenceDoes(String text, String clean) {
        assertEquals(clean, NarrationText.clean(text));
    }

    @Test
    void cutsLongNarrationsByCharacters() {
        assertEquals("\uD83D\uDE00".repeat(128), NarrationText.clean("#C C " + "\uD83D\uDE00".repeat(130)));
    }

    /** The reference's own files: 1552 windows for training, of 322 videos, and so on (their README). */
    @Test
    void labelledWindowsAreThoseOfTheReferencesFiles() throws IOException {
        Path shared = TestData.shared("ego4d");
        List<String> uids = new java.util.ArrayList<>();
        for (Split split : Split.values()) {
            Files.copy(shared.resolve(layout.labelled(split).getFileName()), layout.labelled(split));
            uids.addAll(dev.imu2clip.data.Json.strings(shared.resolve(split.id() + "_0.json")));
        }
        metadata(uids.stream().map(uid -> video(uid, true, 3600, "null")).toArray(String[]::new));
        List<Window> windows = Ego4dWindows.labelled().windows(layout, new HashSet<>(uids));
        assertEquals(1552 + 760 + 1261, windows.size());
        assertEquals(Set.of("head movement", "stands up", "sits down", "walking"), new HashSet<>(windows.stream().map(Window::label).toList()));
        assertEquals(1261, Ego4dWindows.labelled().windows(layout, new HashSet<>(dev.imu2clip.data.Json.strings(shared.resolve("test_0.json")))).size());
        metadata(uids.stream().map(uid -> video(uid, uid.compareTo("8") < 0, 3600, "null")).toArray(String[]::new));
        List<Window> fewer = Ego4dWindows.labelled().windows(layout, new HashSet<>(uids));
        assertEquals(windows.stream().filter(w -> w.uid().compareTo("8") < 0).toList(), fewer, "videos without motion are left out");
    }

    @Test
    void namesWhatIsWrong() throws IOException {
        narrations("{'a': {'narration_pass_1': {'narrations': [{'timestamp_sec': 'soon', 'narration_text': '#C C a'}]}}}");
        metadata(video("a", true, 60, "null"));
        refused("video a, narration_pass_1, narration 1", Modality.TEXT);
        narrations("{'a': {'narration_pass_1': ");
        refused("narration.json: line 1", Modality.TEXT);
        metadata(video("a", true, 60, "null"), video("a", true, 60, "null"));
        refused("names the video a twice", Modality.IMU);
        metadata(video("a", true, -1, "null"));
        refused("video a: expected video_metadata.video_duration_sec", Modality.IMU);
        metadata("{\"video_uid\": \"a\"}");
        refused("video a: expected has_imu", Modality.IMU);
        metadata("{}");
        refused("entry 1 of 'videos' has no video_uid", Modality.IMU);
        Files.writeString(layout.metadata(), "[]");
        refused("has no list 'videos'", Modality.IMU);
        metadata(video("a", true, 60, "null"));
        Files.writeString(folder.resolve("bad_imu_windows_5.0.json"), "[[\"a\", 5]]");
        refused("entry 1 is [\"a\",5]", Modality.IMU);
    }

    private void refused(String expected, Modality modality) {
        String message = assertThrows(InputException.class, () -> windows(5, modality)).getMessage();
        assertTrue(message.contains(expected), message);
    }
}
