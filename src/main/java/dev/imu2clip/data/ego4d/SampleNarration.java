package dev.imu2clip.data.ego4d;

import dev.imu2clip.data.Rng;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A narration of a generated video.
 *
 * @param pass 1 or 2: who of two people wrote it
 * @param act what it tells of, or null when it is about somebody else
 */
record SampleNarration(int pass, double seconds, String text, String uid, SampleVideo.Act act) {
    private static final List<String> OTHERS = List.of("#O A man X walks past", "#O A woman Y sits down", "#O A person moves the #unsure");

    /** The first pass tells of every act, the second of every other one; now and then somebody else does something. */
    static List<SampleNarration> of(SampleVideo video, long seed) {
        Rng rng = new Rng(seed, video.number, 8);
        List<SampleNarration> narrations = new ArrayList<>();
        for (int pass = 1; pass <= 2; pass++) {
            for (int i = 0; i < video.acts.size(); i += pass) {
                SampleVideo.Act act = video.acts.get(i);
                List<String> phrases = act.variant().phrases();
                String words = phrases.get(rng.below(phrases.size()));
                double time = act.start() + SampleVideo.SECONDS_EACH / 2.0 + rng.uniform(0, 0.45);
                String text = "#C C " + (rng.below(12) == 0 ? words + " near the #unsure" : words) + (rng.below(4) == 0 ? "." : "");
                narrations.add(new SampleNarration(pass, millis(time), text, SampleVideo.uid(rng), act));
                if (rng.below(6) != 0) continue;
                narrations.add(new SampleNarration(pass, millis(time + 1), OTHERS.get(rng.below(OTHERS.size())), SampleVideo.uid(rng), null));
            }
        }
        return narrations;
    }

    private static double millis(double seconds) {
        return Math.round(seconds * 1000) / 1000.0;
    }

    static Map<String, Object> json(List<SampleNarration> narrations, SampleVideo video) {
        Map<String, Object> passes = new LinkedHashMap<>();
        for (int pass = 1; pass <= 2; pass++) {
            int number = pass;
            Map<String, Object> content = new LinkedHashMap<>();
            content.put("narrations", narrations.stream().filter(narration -> narration.pass == number).map(SampleNarration::json).toList());
            Map<String, Object> summary = new LinkedHashMap<>();
            summary.put("start_sec", 0.0);
            summary.put("end_sec", (double) video.seconds);
            summary.put("summary_text", "#Summary C moves about");
            content.put("summaries", List.of(summary));
            passes.put("narration_pass_" + pass, content);
        }
        passes.put("status", "complete");
        return passes;
    }

    private Map<String, Object> json() {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("timestamp_sec", seconds);
        json.put("timestamp_frame", Math.round(seconds * SampleVideo.FPS));
        json.put("narration_text", text);
        json.put("annotation_uid", uid);
        return json;
    }
}
