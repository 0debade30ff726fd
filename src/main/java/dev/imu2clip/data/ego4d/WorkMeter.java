package dev.imu2clip.data.ego4d;

import dev.imu2clip.io.Progress;

/** Adds up how far many jobs at once have come; a job's share of the whole is the time that it is expected to take. */
final class WorkMeter {
    private static final int STEPS = 1000;

    private final Progress progress;
    private final double total;
    private double done;

    /** @param total weight of all jobs, {@code done} of those that are finished already */
    WorkMeter(Progress progress, double total, double done) {
        this.progress = progress;
        this.total = total;
        this.done = done;
    }

    /** Hears of one job of this weight; call it only from the thread that works on it. */
    Job job(String name, double weight) {
        return new Job(name, weight);
    }

    private synchronized void add(double weight, String name) {
        done += weight;
        progress.at(total == 0 ? STEPS : (int) Math.min(STEPS, Math.round(STEPS * done / total)), STEPS, name);
    }

    final class Job implements Progress {
        private final String name;
        private final double weight;
        private double told;

        private Job(String name, double weight) {
            this.name = name;
            this.weight = weight;
        }

        @Override
        public void at(int part, int parts, String what) {
            double now = weight * Math.clamp(parts <= 0 ? 0 : (double) part / parts, 0, 1);
            if (now <= told) return;
            add(now - told, name);
            told = now;
        }

        void finished() {
            at(1, 1, name);
        }
    }
}
