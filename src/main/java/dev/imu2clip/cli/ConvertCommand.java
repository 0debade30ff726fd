package dev.imu2clip.cli;

import dev.imu2clip.clip.WeightsFile;
import dev.imu2clip.imu.EncoderFile;
import dev.imu2clip.io.InputException;
import dev.imu2clip.io.Progress;
import dev.imu2clip.io.SafetensorsWriter;
import dev.imu2clip.io.TensorFile;
import dev.imu2clip.io.TensorSource;
import dev.imu2clip.io.TensorView;
import dev.imu2clip.tensor.DType;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.LongAdder;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code imu2clip convert IN OUT}: tensor by tensor, in the memory of a piece of one. */
@Command(name = "convert", mixinStandardHelpOptions = true, sortOptions = false,
        description = {"Converts weights of CLIP or of an IMU encoder to safetensors, or an encoder to a file for PyTorch.", ""},
        footerHeading = "%nExamples:%n",
        footer = {"  imu2clip convert ViT-B-32.pt clip.safetensors --dtype f16",
                "  imu2clip convert laion-clip/ clip.safetensors          a folder with weights of transformers or open_clip",
                "  imu2clip convert i2c.ckpt encoder.safetensors          the encoder of a checkpoint",
                "  imu2clip convert runs/real i2c_src_encoder.pt          an encoder of ours for the reference's model"})
final class ConvertCommand implements Callable<Integer> {
    enum Type {
        f32(DType.F32, "float32"), f16(DType.F16, "float16"), bf16(DType.BF16, "bfloat16");

        final DType dtype;
        final String text;

        Type(DType dtype, String text) {
            this.dtype = dtype;
            this.text = text;
        }
    }

    @CommandLine.Spec
    CommandLine.Model.CommandSpec spec;

    @Parameters(index = "0", paramLabel = "IN", description = {
            "CLIP: OpenAI's TorchScript archive, safetensors, pytorch_model.bin or .pt of transformers or open_clip, or a folder with one "
                    + "of them.",
            "IMU encoder: safetensors, .pt, a checkpoint (Lightning's .ckpt too), or the folder of a run."})
    Path in;

    @Parameters(index = "1", paramLabel = "OUT", description = "FILE.safetensors, where CLIP's tensors get Hugging Face's names; for an "
            + "encoder also FILE.pt, which torch.load(weights_only=True) reads.")
    Path out;

    @Option(names = "--dtype", paramLabel = "TYPE", defaultValue = "f32", description = "f32, f16 or bf16, rounded to nearest even "
            + "(default: ${DEFAULT-VALUE}).")
    Type type;

    @Override
    public Integer call() throws IOException {
        boolean torch = out.toString().endsWith(".pt");
        if (!torch && !out.toString().endsWith(".safetensors"))
            throw new InputException(out + ": the kind of file is not known. Give a name that "
                    + "ends with .safetensors or, for an encoder, .pt");
        if (Files.exists(out) && Files.exists(in) && Files.isSameFile(in, out))
            throw new InputException(out + ": is the input itself. Give another name");
        boolean run = EncoderFile.isRun(in);
        try (WeightsFile weights = run ? WeightsFile.of(TensorFile.open(EncoderFile.locate(in))) : WeightsFile.open(in)) {
            if (weights.isClip() && torch)
                throw new InputException(out + ": weights of CLIP are written as safetensors only. "
                        + "Give a name that ends with .safetensors");
            if (weights.isClip()) convert("CLIP weights", weights.file(), weights.tensors(), clipMetadata(weights));
            else if (EncoderFile.isEncoder(weights.file()))
                convert("IMU encoder", weights.file(), EncoderFile.tensors(weights.file()), EncoderFile.metadata(weights.file()));
            else throw InputException.in(weights.file().file(), "holds neither CLIP nor an IMU encoder, but "
                    + some(List.copyOf(weights.names())), "Check that this is the right file");
        }
        return Main.OK;
    }

    private static Map<String, String> clipMetadata(WeightsFile weights) {
        Map<String, String> metadata = new LinkedHashMap<>(weights.modelMetadata());
        metadata.put("format", "pt"); // transformers refuses files that do not say it
        return metadata;
    }

    private void convert(String kind, TensorFile file, Map<String, TensorView> tensors, Map<String, String> metadata) throws IOException {
        LongAdder overflowed = new LongAdder();
        List<TensorSource> sources = new ArrayList<>();
        List<String> left = new ArrayList<>();
        try (var progress = new ProgressLine("converting")) {
            int total = tensors.size();
            tensors.forEach((name, view) -> {
                if (view.dtype().isFloat()) sources.add(heard(TensorSource.of(view, type.dtype, overflowed), sources.size(), total,
                        progress));
                else left.add(name);
            });
            if (kind.startsWith("CLIP")) SafetensorsWriter.write(out, metadata, sources);
            else EncoderFile.write(out, metadata, sources);
        }
        PrintWriter report = spec.commandLine().getOut();
        long parameters = sources.stream().mapToLong(source -> source.shape().count()).sum();
        report.printf(Locale.ROOT, "%s: %,d tensors, %,d parameters%n", kind, sources.size(), parameters);
        report.println("Read from " + file.file() + ", " + size(file.file()));
        report.println("Written to " + out + " as " + type.text + ", " + size(out));
        if (!left.isEmpty()) report.println("Left out, since they hold no floating-point numbers: " + some(left));
        if (overflowed.sum() > 0)
            report.printf(Locale.ROOT, "%,d values are too large for %s and became infinite; --dtype %s keeps them%n", overflowed.sum(),
                    type.text, type == Type.f16 ? "bf16 or f32" : "f32");
    }

    private static TensorSource heard(TensorSource source, int place, int total, Progress progress) {
        return new TensorSource(source.name(), source.dtype(), source.shape(), (from, count, target) -> {
            if (from == 0) progress.at(place + 1, total, source.name());
            source.values().write(from, count, target);
        });
    }

    private static String some(List<String> names) {
        int more = Math.max(0, names.size() - 5);
        return String.join(", ", names.subList(0, names.size() - more)) + (more > 0 ? " and " + more + " more" : "");
    }

    private static String size(Path file) throws IOException {
        long bytes = Files.size(file);
        return bytes < 1 << 20 ? (bytes + 1023 >> 10) + " KiB" : (bytes + (1 << 19) >> 20) + " MiB";
    }
}
