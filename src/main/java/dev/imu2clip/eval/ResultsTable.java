package dev.imu2clip.eval;

import java.util.Locale;

/** Results for people to read: the tables that {@code pretrain} and {@code evaluate} print. */
public final class ResultsTable {
    private ResultsTable() {}

    /**
     * @param source what queries, for instance {@code imu}; @param target what it is aligned with
     * @param zeroShot null where there are no classes
     */
    public static String format(Retrieval.Report retrieval, Classification zeroShot, String source, String target) {
        StringBuilder text = new StringBuilder();
        boolean grouped = retrieval.distinctTexts() < retrieval.candidates();
        line(text, grouped ? "Retrieval among %d windows with %d distinct texts, in %%" : "Retrieval among %d windows, in %%",
                retrieval.candidates(), retrieval.distinctTexts());
        StringBuilder cutoffs = new StringBuilder();
        for (int k : RankScore.CUTOFFS) cutoffs.append("%8s".formatted("R@" + k));
        line(text, "  %-30s%8s%s", "", "MRR", cutoffs);
        direction(text, source + " -> " + target, retrieval.sourceToTarget(), grouped);
        direction(text, target + " -> " + source, retrieval.targetToSource(), grouped);
        if (zeroShot != null) classes(text, zeroShot);
        return text.toString();
    }

    /** With every window its own group, multi-positive equals plain. */
    private static void direction(StringBuilder text, String name, Retrieval.Direction direction, boolean grouped) {
        scores(text, grouped ? name + ", plain" : name, direction.plain());
        scores(text, "  by chance", direction.plainChance());
        if (!grouped) return;
        scores(text, name + ", multi-positive", direction.multiPositive());
        scores(text, "  by chance", direction.multiPositiveChance());
    }

    private static void scores(StringBuilder text, String name, RankScore score) {
        StringBuilder numbers = new StringBuilder(String.format(Locale.ROOT, "%8.1f", 100 * score.mrr()));
        for (double recall : score.recall()) numbers.append(String.format(Locale.ROOT, "%8.1f", 100 * recall));
        line(text, "  %-30s%s", name, numbers);
    }

    private static void classes(StringBuilder text, Classification result) {
        line(text, "Zero-shot over %d texts: accuracy %.1f %%, balanced %.1f %%, macro-F1 %.1f %% "
                        + "(chance %.1f %%, most frequent text %.1f %%)",
                result.classes().size(), 100 * result.accuracy(), 100 * result.balancedAccuracy(), 100 * result.macroF1(),
                100.0 / result.classes().size(), 100 * result.majorityAccuracy());
        line(text, "  %-30s%8s%10s%8s%8s", "", "windows", "precision", "recall", "F1");
        for (Classification.ClassScore score : result.perClass())
            line(text, "  %-30.30s%8d%10.1f%8.1f%8.1f", score.name(), score.support(), 100 * score.precision(), 100 * score.recall(),
                    100 * score.f1());
    }

    private static void line(StringBuilder text, String format, Object... values) {
        text.append(String.format(Locale.ROOT, format, values).stripTrailing()).append('\n');
    }
}
