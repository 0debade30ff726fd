package dev.imu2clip.data;

import java.util.List;

/**
 * What people do in the sample data set, with the words for it. The words differ where the motion differs (slowly, quickly, to the
 * left), so that a narration says more than its label.
 */
public enum SampleActivity {
    STANDING_STILL("standing still", List.of(
            variant(0, "stands still", "waits without moving", "stands in place"))),
    WALKING("walking", List.of(
            variant(1.5, "walks slowly", "strolls along"),
            variant(1.85, "walks", "walks around the room", "walks along the street"),
            variant(2.2, "walks quickly", "hurries along"))),
    RUNNING("running", List.of(
            variant(2.6, "jogs", "runs at an easy pace"),
            variant(3.1, "runs fast", "sprints"))),
    CLIMBING_STAIRS("climbing stairs", List.of(
            variant(1.35, "climbs the stairs", "walks up the stairs", "goes upstairs"))),
    STANDS_UP("stands up", List.of(
            variant(1, "stands up", "gets up from the chair", "rises from the seat"))),
    SITS_DOWN("sits down", List.of(
            variant(-1, "sits down", "takes a seat", "sits on the chair"))),
    HEAD_MOVEMENT("head movement", List.of(
            variant(0, "turns the head to the left", "looks to the left"),
            variant(1, "turns the head to the right", "looks to the right"),
            variant(2, "looks up", "raises the head"),
            variant(3, "looks down", "lowers the head"),
            variant(4, "looks around", "looks from side to side")));

    /** {@code parameter} is a step rate in Hz, a direction, or the kind of head movement. */
    public record Variant(double parameter, List<String> phrases) {}

    public final String label;
    public final List<Variant> variants;

    SampleActivity(String label, List<Variant> variants) {
        this.label = label;
        this.variants = variants;
    }

    private static Variant variant(double parameter, String... phrases) {
        return new Variant(parameter, List.of(phrases));
    }
}
