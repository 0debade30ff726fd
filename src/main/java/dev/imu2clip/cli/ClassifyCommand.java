package dev.imu2clip.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.imu2clip.clip.ClipModel;
import dev.imu2clip.clip.ImageClassifier;
import dev.imu2clip.clip.ImageClassifier.Guess;
import dev.imu2clip.clip.PictureFiles;
import dev.imu2clip.clip.TextLines;
import dev.imu2clip.io.InputException;
import dev.imu2clip.media.MediaFiles;
import dev.imu2clip.media.Preprocess;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(name = "classify", mixinStandardHelpOptions = true, sortOptions = false,
        description = {"Classifies pictures by texts, without training: how probable each label is, by CLIP's embeddings.", ""},
        footerHeading = "%nExamples:%n",
        footer = {"  imu2clip classify photo.jpg --labels 'dog,cat,bird' --template 'a photo of a {}'",
                "  imu2clip classify photos --labels-file labels.txt --top 3 --json",
                "", "Several templates are averaged: --template 'a photo of a {}' --template 'a drawing of a {}'"})
final class ClassifyCommand implements Callable<Integer> {
    private static final int BAR = 30;

    @CommandLine.Spec
    CommandLine.Model.CommandSpec spec;

    @Parameters(arity = "1..*", paramLabel = "IMAGE", description = "Picture files and folders.")
    List<Path> images;

    @ArgGroup(multiplicity = "1")
    Labels labels;

    static final class Labels {
        @Option(names = "--labels", required = true, split = ",", paramLabel = "A,B", description = "Labels, with commas between them.")
        List<String> list;

        @Option(names = "--labels-file", required = true, paramLabel = "FILE",
                description = "Labels, one a line, UTF-8; - for the standard input.")
        Path file;

        List<String> all() {
            return (list != null ? list : TextLines.read(file).lines()).stream().map(String::strip).toList();
        }
    }

    @Option(names = "--template", paramLabel = "TEXT",
            description = "What is said of a label, with {} in its place; may be repeated, then the "
            + "embeddings are averaged. Default: the label alone.")
    List<String> templates = new ArrayList<>();

    @Option(names = "--top", paramLabel = "K", defaultValue = "5", description = "How many labels to show; default: ${DEFAULT-VALUE}.")
    int top;

    @Option(names = "--skip-broken", description = "Leave out pictures that cannot be read; default: they are an error.")
    boolean skipBroken;

    @Option(names = "--json", description = "Print a line of JSON for every picture.")
    boolean json;

    @Mixin
    ClipOptions.WithTexts clip;

    @Override
    public Integer call() throws JsonProcessingException {
        PrintWriter out = spec.commandLine().getOut(), err = spec.commandLine().getErr();
        if (top < 1) throw new InputException("--top " + top + ": expected 1 or more");
        List<Path> files = MediaFiles.find(images, MediaFiles.Kind.PICTURE).files();
        try (ClipModel model = clip.open(err)) {
            var classifier = new ImageClassifier(model, labels.all(), templates);
            var source = new PictureFiles(files, Preprocess.clip(model.images().config().resolution()), skipBroken);
            List<List<Guess>> guesses;
            try (var progress = new ProgressLine("classifying")) {
                guesses = classifier.classify(model.images(), source, n -> progress.at(n, files.size(), ""));
            }
            if (guesses.stream().allMatch(Objects::isNull)) throw source.noneReadable();
            for (int i = 0; i < files.size(); i++) {
                List<Guess> of = guesses.get(i);
                if (of == null) {
                    err.println("skipped: " + source.why(i));
                    continue;
                }
                List<Guess> best = of.subList(0, Math.min(top, of.size()));
                if (json) out.println(json(files.get(i), best));
                else print(files.get(i), best, out);
            }
        }
        return Main.OK;
    }

    private static String json(Path file, List<Guess> guesses) throws JsonProcessingException {
        Map<String, Object> object = new LinkedHashMap<>();
        object.put("file", file.toString());
        object.put("labels", guesses);
        return new JsonMapper().writeValueAsString(object);
    }

    private static void print(Path file, List<Guess> guesses, PrintWriter out) {
        int widest = guesses.stream().mapToInt(guess -> guess.label().length()).max().orElse(0);
        out.println(file);
        for (Guess guess : guesses)
            out.println(String.format(Locale.ROOT, "  %-" + widest + "s %6.2f %%  %s", guess.label(), 100 * guess.probability(),
                    "#".repeat((int) Math.round(BAR * guess.probability()))).stripTrailing());
    }
}
