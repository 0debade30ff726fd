package dev.imu2clip.data.ego4d;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.imu2clip.io.InputException;
import dev.imu2clip.io.Progress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.ForkJoinTask;
import java.util.concurrent.atomic.AtomicReference;

/** Does the work, several files at once. A source that cannot be used is skipped; a target that cannot be written ends it all. */
final class PreparationJobs {
    private final PreparationLog log;
    private final List<Skip> skipped;
    private final int jobs;
    private final Progress progress;
    private final AtomicReference<Throwable> failure = new AtomicReference<>();

    PreparationJobs(PreparationLog log, List<Skip> skipped, int jobs, Progress progress) {
        this.log = log;
        this.skipped = skipped;
        this.jobs = jobs;
        this.progress = progress;
    }

    void run(List<PreparationWork> work) {
        List<PreparationWork> open = new ArrayList<>();
        for (PreparationWork item : work) {
            PreparationLog.Entry entry = log.get(item.kind(), item.uid());
            if (item.isDone(entry)) noteSilence(item, entry.result());
            else open.add(item);
        }
        double all = work.stream().mapToDouble(PreparationWork::weight).sum();
        var meter = new WorkMeter(progress, all, all - open.stream().mapToDouble(PreparationWork::weight).sum());
        try (var pool = new ForkJoinPool(jobs)) { // its threads share the pieces of a large file of motion, too
            List<ForkJoinTask<?>> tasks = new ArrayList<>();
            for (PreparationWork item : open) tasks.add(pool.submit(() ->
                    attempt(item, meter.job(item.uid() + " " + item.kind(), item.weight()))));
            tasks.forEach(ForkJoinTask::quietlyJoin);
        }
        switch (failure.get()) {
            case null -> { }
            case RuntimeException e -> throw e;
            case Error e -> throw e;
            case Throwable e -> throw new IllegalStateException(e);
        }
    }

    private void attempt(PreparationWork item, WorkMeter.Job job) {
        if (failure.get() != null) return;
        try {
            JsonNode result = item.making().make((part, parts, what) -> {
                if (failure.get() != null) throw new CancellationException(); // another's failure ends long videos, too
                job.at(part, parts, what);
            });
            List<Long> sizes = new ArrayList<>();
            if (result != null) for (Path target : item.targets()) sizes.add(Files.size(target));
            if (result == null) result = JsonNodeFactory.instance.nullNode();
            noteSilence(item, result);
            log.add(new PreparationLog.Entry(item.kind(), item.uid(), item.version(), sizes, result));
        } catch (InputException e) {
            // Errors name the file they are about first.
            if (e.getMessage().startsWith(item.source() + ":")) skip(item, e);
            else failure.compareAndSet(null, e);
        } catch (CancellationException e) {
            // said by the failure
        } catch (Throwable e) {
            failure.compareAndSet(null, e);
        }
        job.finished();
    }

    /** What an earlier version of the source was made into must not stand for this one. */
    private void skip(PreparationWork item, InputException reason) {
        skipped.add(new Skip(item.uid(), item.kind(), Skip.Reason.UNUSABLE_FILE, reason.getMessage()));
        try {
            for (Path target : item.targets()) Files.deleteIfExists(target);
        } catch (IOException e) {
            failure.compareAndSet(null, e);
        }
    }

    private void noteSilence(PreparationWork item, JsonNode result) {
        if (result.isNull() && item.kind().equals("audio"))
            skipped.add(new Skip(item.uid(), "audio", Skip.Reason.NO_SOUND, item.targets().getFirst()
                    + ": not made; audio_start_sec is not null"));
    }
}
