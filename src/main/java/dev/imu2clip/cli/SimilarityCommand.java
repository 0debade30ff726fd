package dev.imu2clip.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import de.siegmar.fastcsv.writer.CsvWriter;
import dev.imu2clip.clip.ClipModel;
import dev.imu2clip.clip.EmbedVideos;
import dev.imu2clip.clip.PictureFiles;
import dev.imu2clip.eval.Embeddings;
import dev.imu2clip.eval.SimilarityMatrix;
import dev.imu2clip.io.InputException;
import dev.imu2clip.io.Npy;
import dev.imu2clip.media.MediaFiles;
import dev.imu2clip.media.Preprocess;
import dev.imu2clip.tensor.Shape;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.IntStream;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(name = "similarity", mixinStandardHelpOptions = true, sortOptions = false,
        description = {"Cosines between the embeddings of two sets, or within one: pictures, videos, texts, or npy files of embeddings.",
                "The rows are the set that comes first in the list below.", ""},
        footerHeading = "%nExamples:%n",
        footer = {"  imu2clip similarity --images a.jpg b.jpg --texts 'a dog' 'a cat'",
                "  imu2clip similarity --images photos --logits --csv > photos.csv",
                "  imu2clip similarity --a X.npy --b Y.npy --json"})
final class SimilarityCommand implements Callable<Integer> {
    private static final int ROW_NAME = 40, COLUMN_NAME = 16;

    @CommandLine.Spec
    CommandLine.Model.CommandSpec spec;

    @Option(names = "--images", arity = "1..*", paramLabel = "PATH", description = "Picture files and folders.")
    List<Path> images;

    @Option(names = "--videos", arity = "1..*", paramLabel = "PATH", description = "Video files and folders; see --frames.")
    List<Path> videos;

    @Option(names = "--texts", arity = "1..*", paramLabel = "TEXT", description = "Texts.")
    List<String> texts;

    @Option(names = "--a", paramLabel = "X.npy", description = "Embeddings, shape (N, D).")
    Path a;

    @Option(names = "--b", paramLabel = "Y.npy", description = "Embeddings, shape (M, D).")
    Path b;

    @Option(names = "--logits", description = "Multiply by the model's logit scale.")
    boolean logits;

    @Option(names = "--json", description = "Print one JSON object: rows, columns, logit_scale where it was used, similarity.")
    boolean json;

    @Option(names = "--csv", description = "Print CSV.")
    boolean csv;

    @Mixin
    VideoOptions frames;

    @Mixin
    ClipOptions.WithTexts clip;

    /** One side: its name in messages, what its rows are called, and their embeddings. */
    private record Side(String name, List<String> rows, Embeddings embeddings) {
        static Side of(String name, List<String> rows, Collection<float[]> vectors, int width) {
            float[] values = new float[Math.multiplyExact(rows.size(), width)];
            int at = 0;
            for (float[] vector : vectors) {
                System.arraycopy(vector, 0, values, at, width);
                at += width;
            }
            return new Side(name, rows, new Embeddings(values, rows.size(), width));
        }
    }

    @Override
    public Integer call() throws JsonProcessingException {
        long sets = IntStream.range(0, 5).filter(i -> new Object[] {images, videos, texts, a, b}[i] != null).count();
        if (sets < 1 || sets > 2)
            throw new InputException(sets + " sets were given: expected one or two of --images, --videos, --texts, --a and --b");
        if (json && csv) throw new InputException("--json and --csv: give one of them");
        boolean tower = images != null || videos != null || texts != null;
        try (ClipModel model = tower || logits ? clip.open(spec.commandLine().getErr()) : null) {
            double scale = logits ? model.logitScale() : 1;
            List<Side> sides = sides(model);
            Side rows = sides.getFirst(), columns = sides.getLast();
            print(rows, columns, SimilarityMatrix.of(rows.embeddings, rows.name, columns.embeddings, columns.name), scale);
        }
        return Main.OK;
    }

    private List<Side> sides(ClipModel model) {
        List<Side> sides = new ArrayList<>();
        try (var progress = new ProgressLine("embedding")) {
            if (images != null) sides.add(images(model, progress));
            if (videos != null) {
                EmbedVideos.Result result = frames.embed(videos, 0, 0, false).embed(model.images(), progress);
                sides.add(Side.of("--videos", result.clips().stream().map(clip -> clip.file().toString()).toList(), result.embeddings(),
                        model.images().width()));
            }
            if (texts != null) sides.add(texts(model));
        }
        if (a != null) sides.add(npy(a));
        if (b != null) sides.add(npy(b));
        return sides;
    }

    private Side images(ClipModel model, ProgressLine progress) {
        List<Path> files = MediaFiles.find(images, MediaFiles.Kind.PICTURE).files();
        var source = new PictureFiles(files, Preprocess.clip(model.images().config().resolution()), false);
        float[][] vectors = model.images().embed(source, n -> progress.at(n, files.size(), ""));
        return Side.of("--images", files.stream().map(Path::toString).toList(), List.of(vectors), model.images().width());
    }

    private Side texts(ClipModel model) {
        for (String text : texts) model.texts().tokenizer().encode(text, model.texts().config().positions(), false);
        return Side.of("--texts", texts, List.of(model.texts().embed(texts)), model.texts().width());
    }

    private static Side npy(Path file) {
        Shape shape = Npy.header(file).shape();
        if (shape.rank() != 2 || shape.count() == 0 || shape.size(0) > Integer.MAX_VALUE)
            throw InputException.in(file, "has shape " + shape, "Expected embeddings as (N, D)");
        int rows = (int) shape.size(0);
        return new Side(file.toString(), IntStream.range(0, rows).mapToObj(Integer::toString).toList(),
                Embeddings.of(Npy.floats(file), rows));
    }

    private void print(Side rows, Side columns, SimilarityMatrix matrix, double scale) throws JsonProcessingException {
        PrintWriter out = spec.commandLine().getOut();
        if (json) {
            Map<String, Object> object = new LinkedHashMap<>();
            object.put("rows", rows.rows);
            object.put("columns", columns.rows);
            if (logits) object.put("logit_scale", scale);
            object.put("similarity", IntStream.range(0, matrix.rows())
                    .mapToObj(i -> IntStream.range(0, matrix.columns()).mapToDouble(j -> value(matrix, scale, i, j)).toArray()).toList());
            out.println(new JsonMapper().writeValueAsString(object));
            return;
        }
        if (csv) printCsv(rows, columns, matrix, scale, out);
        else printTable(rows, columns, matrix, scale, out);
    }

    /** Without a zero's sign. */
    private static double value(SimilarityMatrix matrix, double scale, int row, int column) {
        return scale * matrix.at(row, column) + 0.0;
    }

    private static void printCsv(Side rows, Side columns, SimilarityMatrix matrix, double scale, PrintWriter out) {
        CsvWriter writer = CsvWriter.builder().bufferSize(0).build(out);
        List<String> header = new ArrayList<>(List.of(""));
        header.addAll(columns.rows);
        writer.writeRecord(header);
        for (int i = 0; i < matrix.rows(); i++) {
            List<String> line = new ArrayList<>(List.of(rows.rows.get(i)));
            for (int j = 0; j < matrix.columns(); j++) line.add(Float.toString((float) value(matrix, scale, i, j)));
            writer.writeRecord(line);
        }
    }

    private static void printTable(Side rows, Side columns, SimilarityMatrix matrix, double scale, PrintWriter out) {
        // A text may be empty, the width of a format not.
        int name = rows.rows.stream().mapToInt(String::length).map(length -> Math.clamp(length, 1, ROW_NAME)).max().orElse(1);
        int width = Math.max(8, columns.rows.stream().mapToInt(String::length).map(length -> Math.min(length, COLUMN_NAME)).max()
                .orElse(0));
        var line = new StringBuilder(" ".repeat(name));
        for (String column : columns.rows) line.append("  ").append(String.format("%" + width + "s", cut(column, COLUMN_NAME)));
        out.println(line);
        for (int i = 0; i < matrix.rows(); i++) {
            line.setLength(0);
            line.append(String.format("%-" + name + "s", cut(rows.rows.get(i), ROW_NAME)));
            for (int j = 0; j < matrix.columns(); j++)
                line.append(String.format(Locale.ROOT, "  %" + width + ".4f", value(matrix, scale, i, j)));
            out.println(line);
        }
    }

    /** The start of a text and the end of a path tell most, so what is too long loses its middle. */
    private static String cut(String text, int length) {
        return text.length() <= length ? text : text.substring(0, length / 2 - 1) + ".." + text.substring(text.length() - (length - 1) / 2);
    }
}
