package dev.imu2clip.optim;

/**
 * The learning rate over the steps of a run: linear warm-up, then constant or a half cosine down to a floor.
 *
 * @param kind        constant or cosine
 * @param warmupSteps steps from 0 up to the full rate
 * @param totalSteps  length of the run, where the cosine ends
 * @param floor       share of the full rate that the cosine ends at
 */
public record Schedule(Kind kind, long warmupSteps, long totalSteps, double floor) {
    public enum Kind { CONSTANT, COSINE }

    public static final Schedule CONSTANT = new Schedule(Kind.CONSTANT, 0, 0, 0);

    /** Factor on the learning rate at a step, counted from 0. */
    public double factor(long step) {
        if (step < warmupSteps) return (step + 1.0) / warmupSteps;
        if (kind == Kind.CONSTANT) return 1;
        double progress = totalSteps <= warmupSteps ? 1 : Math.min(1, (step - warmupSteps) / (double) (totalSteps - warmupSteps));
        return floor + (1 - floor) * 0.5 * (1 + Math.cos(Math.PI * progress));
    }
}
