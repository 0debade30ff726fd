package dev.imu2clip.cli;

import dev.imu2clip.data.Split;
import dev.imu2clip.eval.ResultsFile;
import dev.imu2clip.train.RunEvaluation;
import dev.imu2clip.train.RunFolder;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

@Command(name = "evaluate", mixinStandardHelpOptions = true, sortOptions = false,
        description = {"Evaluates a finished run: retrieval both ways, and zero-shot classification over the distinct texts.", ""},
        footerHeading = "%nExamples:%n",
        footer = {"  imu2clip evaluate --run runs/real", "  imu2clip evaluate --run runs/real --data other/data --split test --json"})
final class EvaluateCommand implements Callable<Integer> {
    @Option(names = "--run", required = true, paramLabel = "RUN", description = "Folder of the run.")
    Path run;

    @Option(names = "--data", paramLabel = "DIR", description = "Prepared data set; default: the run's own.")
    Path data;

    @Option(names = "--split", paramLabel = "NAME", defaultValue = "test",
            description = "Which recordings: training, validation or test; default: ${DEFAULT-VALUE}.")
    String split;

    @Option(names = "--clip", paramLabel = "FILE", description = "CLIP weights; default: the run's own.")
    Path clip;

    @Option(names = "--vocab", paramLabel = "FILE", description = "CLIP's vocabulary; default: the run's own.")
    Path vocab;

    @Option(names = "--device", paramLabel = "D", defaultValue = "auto", description = "Device; default: the best.")
    String device;

    @Option(names = "--json", description = "Print the results as JSON, as in results.json, instead of a table.")
    boolean json;

    @Override
    public Integer call() {
        RunEvaluation.Result result;
        try (var progress = new ProgressLine("evaluating")) {
            result = RunEvaluation.evaluate(new RunFolder(run), data, Split.of(split), clip, vocab, device, System.err::println, progress);
        }
        System.out.print(json ? ResultsFile.toJson(result.document()) : result.evaluation().table());
        return CommandLine.ExitCode.OK;
    }
}
