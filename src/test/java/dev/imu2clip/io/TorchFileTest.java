package dev.imu2clip.io;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Shape;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.URISyntaxException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.LongAdder;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Files that PyTorch wrote (tools/weights.py), files that only look like it, and ours. */
class TorchFileTest {
    @TempDir
    Path folder;

    static Path resource(String name) {
        try {
            return Path.of(TorchFileTest.class.getResource("/weights/" + name).toURI());
        } catch (URISyntaxException e) {
            throw new AssertionError(e);
        }
    }

    private static String refused(Path file, String... parts) {
        String message = assertThrows(InputException.class, () -> TensorFile.open(file).close()).getMessage();
        assertTrue(message.startsWith(file + ": "), message);
        for (String part : parts) assertTrue(message.contains(part), message);
        return message;
    }

    // ---- reading ----

    @ParameterizedTest
    @ValueSource(strings = {"odd.pt", "odd_legacy.pt"})
    void everyViewAndTypeIsRead(String name) {
        try (TensorFile file = TensorFile.open(resource(name))) {
            assertEquals(Shape.of(6, 4), file.tensor("transposed").shape());
            assertArrayEquals(new float[] {0, 6, 12, 18, 1, 7, 13, 19}, Arrays.copyOf(file.floats("transposed"), 8));
            assertArrayEquals(new float[] {2, 8, 14, 20}, file.floats("column"));
            assertArrayEquals(new float[] {8, 9, 10, 14, 15, 16}, file.floats("part"));
            assertEquals(23, file.floats("all")[23]);
            assertEquals(Shape.of(4, 2, 3), file.tensor("permuted").shape());
            assertArrayEquals(new float[] {0, 4, 8, 12, 16, 20, 1}, Arrays.copyOf(file.floats("permuted"), 7));
            assertEquals(Shape.of(), file.tensor("scalar").shape());
            assertArrayEquals(new float[] {3.5f}, file.floats("scalar"));
            assertArrayEquals(new float[0], file.floats("empty"));
            assertEquals(Shape.of(0, 4), file.tensor("empty").shape());
            assertArrayEquals(new float[] {1}, file.floats("one"));
            assertArrayEquals(new float[] {1, -2.5f, 65504, 0x1p-24f}, file.floats("half"));
            assertArrayEquals(new float[] {1, -2.5f, 0x1.94p99f}, file.floats("brain"));
            assertArrayEquals(new float[] {0.1f, Float.POSITIVE_INFINITY}, file.floats("double"));
            assertArrayEquals(new float[] {1, 2}, file.floats("parameter"));
            assertEquals(DType.I64, file.tensor("ids").dtype());
            assertEquals(1L << 40, file.tensor("ids").storage().get(ValueLayout.JAVA_LONG_UNALIGNED, 8));
            assertEquals(DType.BOOL, file.tensor("flags").dtype());
            assertEquals(Map.of("repeated", "float32 with repeated elements", "bytes", "uint8", "shorts", "int16", "complex", "complex64"),
                    file.unsupported());
            assertTrue(assertThrows(InputException.class, () -> file.floats("ids")).getMessage().contains("'ids' has type I64"));
            assertTrue(assertThrows(InputException.class, () -> file.tensor("bytes")).getMessage().contains("type uint8"));
            assertTrue(assertThrows(InputException.class, () -> file.tensor("none")).getMessage().contains("'none' is missing"));
        }
    }

    @Test
    void partsOfViewsAreReadFromAnyElementOn() {
        try (TensorFile file = TensorFile.open(resource("odd.pt"))) {
            TensorView part = file.tensor("permuted");
            float[] whole = file.floats("permuted");
            for (int from = 0; from < whole.length; from++)
                for (int count = 0; count <= whole.length - from; count++) {
                    float[] values = new float[count];
                    part.copyFloats(from, count, MemorySegment.ofArray(values));
                    assertArrayEquals(Arrays.copyOfRange(whole, from, from + count), values);
                }
            assertArrayEquals(file.floats("all"), values(file.tensor("transposed").transposed()));
            assertArrayEquals(new float[] {14, 15, 16}, values(file.tensor("part").rows(1, 2)));
            assertThrows(IllegalArgumentException.class, () -> part.copyFloats(20, 5, MemorySegment.ofArray(new float[5])));
        }
    }

    private static float[] values(TensorView view) {
        float[] values = new float[(int) view.shape().count()];
        view.copyFloats(MemorySegment.ofArray(values));
        return values;
    }

    @Test
    void aCheckpointIsReadForItsStateDict() {
        try (TensorFile file = TensorFile.open(resource("lightning.ckpt"))) {
            assertEquals(List.of("imu_encoder.net.0.weight", "imu_encoder.net.0.bias", "loss.temperature"), List.copyOf(file.names()));
            assertArrayEquals(new float[] {0, 1, 2, 3, 4, 5}, file.floats("imu_encoder.net.0.weight"));
            assertFalse(((TorchFile) file).script());
        }
    }

    @Test
    void theArchiveOfAStreamIsRead() {
        try (TensorFile file = TensorFile.open(resource("openai_state_dict.pt"))) {
            assertEquals(50, file.tensors().size());
            assertEquals(DType.F16, file.tensor("visual.proj", Shape.of(64, 16)).dtype());
        }
    }

    @Test
    void theTensorsOfAScriptHaveTheirStateDictsNames() {
        try (TensorFile script = TensorFile.open(resource("openai.pt")); TensorFile plain = TensorFile.open(resource(
                "openai_state_dict.pt"))) {
            assertTrue(((TorchFile) script).script());
            assertEquals(3 + plain.names().size(), script.names().size());
            plain.names().forEach(name -> assertArrayEquals(plain.floats(name), script.floats(name), name));
            assertEquals(DType.I64, script.tensor("input_resolution", Shape.of()).dtype());
        }
    }

    @Test
    void nothingIsExecutedAndTheUnknownIsNamed() throws IOException {
        refused(resource("code.pt"), "names 'posix.mkdir'", "will not be run", "torch.save(model.state_dict()");
        refused(resource("whole_model.pt"), "names 'torch.nn.modules.linear.Linear' for the whole file", "torch.save(model.state_dict()");
        assertFalse(Files.exists(Path.of("code-from-a-pickle-ran")));
        // In a checkpoint, inside its state dict.
        refused(archive(pickle("}X\12\0\0\0state_dict}X\1\0\0\0wcm\nX\n)\u0081ss.")),
                "names 'm.X' for 'w' in 'state_dict', which is not known");
        refused(archive(pickle("}X\12\0\0\0state_dictcm\nX\n)\u0081s.")), "names 'm.X' for 'state_dict', which is not known");
    }

    @Test
    void otherFilesAreRefused() throws IOException {
        Path file = folder.resolve("x.pt");
        refused(file, "no such file");
        refused(folder, "is a folder");
        refused(Files.write(file, new byte[0]), "has 0 bytes");
        refused(Files.writeString(file, "PK\3\4 a zip"), "no directory at its end", "damaged");
        refused(Files.write(file, new byte[] {(byte) 0x80, 4, 'N', '.', 0, 0, 0, 0, 0, 0}),
                "a Python pickle that torch.save did not write");
        try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(file))) {
            zip.putNextEntry(new ZipEntry("word/document.xml"));
        }
        refused(file, "a zip archive with 0 entries FOLDER/data.pkl");
        try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(file))) {
            zip.putNextEntry(new ZipEntry("a/data.pkl"));
            zip.write(new byte[100]);
        }
        refused(file, "its entry 'a/data.pkl' is compressed", "zip -0");
        refused(Files.writeString(file, "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 605157884\n"), "git lfs pull");
        assertEquals("no permission", InputException.reason(new java.nio.file.AccessDeniedException(file.toString())));
        Path device = Path.of("/dev/zero");
        if (Files.exists(device)) refused(device, "is a pipe or a device");
    }

    /** 0x280 bytes of header look like a pickle of protocol 2, and 0x4B50 like a zip. */
    @Test
    void safetensorsWithAMisleadingLengthAreRead() throws IOException {
        for (int length : new int[] {0x280, 0x4B50, 0x3504B}) {
            String header = "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}";
            ByteBuffer bytes = ByteBuffer.allocate(12 + length).order(ByteOrder.LITTLE_ENDIAN).putLong(length);
            bytes.put((header + " ".repeat(length - header.length())).getBytes()).putFloat(5);
            try (TensorFile file = TensorFile.open(Files.write(folder.resolve("a"), bytes.array()))) {
                assertArrayEquals(new float[] {5}, file.floats("a"));
            }
        }
    }

    // ---- pickles made by hand ----

    /** An archive with one storage, '0', of 24 bytes; without compression. */
    private Path archive(byte[] pickle, String... more) throws IOException {
        Path file = folder.resolve("made.pt");
        try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(file))) {
            store(zip, "any name/data.pkl", pickle);
            store(zip, "any name/data/0", new byte[24]);
            for (int i = 0; i < more.length; i += 2) store(zip, "any name/" + more[i], more[i + 1].getBytes());
        }
        return file;
    }

    private static void store(ZipOutputStream zip, String name, byte[] content) throws IOException {
        var crc = new CRC32();
        crc.update(content);
        ZipEntry entry = new ZipEntry(name);
        entry.setMethod(ZipEntry.STORED);
        entry.setSize(content.length);
        entry.setCrc(crc.getValue());
        zip.putNextEntry(entry);
        zip.write(content);
    }

    /** The pickle of <code>{'w': tensor}</code>; {@code body} is Latin-1, one character a byte. */
    private static byte[] pickle(String body) {
        return ("\u0080\u0002" + body).getBytes(java.nio.charset.StandardCharsets.ISO_8859_1);
    }

    private static String tensor(String numel, String offset, String size, String stride) {
        return "}X\1\0\0\0wctorch._utils\n_rebuild_tensor_v2\n((X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0" + "0X\3\0\0\0cpu" + numel
                + "tQ" + offset + size + stride + "\u0089Nt" + "Rs.";
    }

    @Test
    void tensorsMustLieInsideTheirStorage() throws IOException {
        String k6 = "K\6", k0 = "K\0";
        try (TensorFile good = TensorFile.open(archive(pickle(tensor(k6, k0, "K\2K\3\u0086", "K\3K\1\u0086"))))) {
            assertEquals(Shape.of(2, 3), good.tensor("w").shape());
        }
        String huge = "\u008A\10\0\0\0\0\0\0\0\100", minus = "J\u00FF\u00FF\u00FF\u00FF";
        for (String[] wrong : new String[][] {{"K\7", k0, "K\2\u0085", "K\1\u0085"}, {k6, "K\5", "K\2\u0085", "K\1\u0085"},
                {k6, k0, "K\3\u0085", "K\3\u0085"}, {k6, k0, huge + "\u0085", huge + "\u0085"}, {k6, k0,
                        huge + huge + "\u0086", "K\0K\0\u0086"},
                {k6, k0, minus + "\u0085", "K\1\u0085"}, {k6, "K\5", "K\2\u0085", minus + "\u0085"}, {k6, minus, "K\2\u0085", "K\1\u0085"},
                {k6, k0, "K\2\u0085", "K\1K\1\u0086"}})
            refused(archive(pickle(tensor(wrong[0], wrong[1], wrong[2], wrong[3]))), "tensor 'w': ", "damaged");
        refused(archive(pickle(tensor(minus, k0, ")", ")"))), "a storage of -1 elements");
        refused(archive(pickle(tensor(huge, k0, ")", ")"))), "a storage of 4611686018427387904 elements");
        refused(archive(pickle(tensor(k6, k0, "N", ")"))), "no tuple of at most 64 whole numbers");
        refused(archive(pickle(tensor(k6, k0, ")", ")").replace("torch\nFloat", "torch\nFlat"))), "the unknown type torch.FlatStorage");
        refused(archive(pickle(tensor(k6, k0, ")", ")").replace("\0" + "0X", "\0" + "1X"))), "has no entry 'any name/data/1'");
    }

    @Test
    void hostilePicklesEnd() throws IOException {
        // A list in itself, a dictionary in itself as key and value, and a module in itself.
        refused(archive(pickle("]q\0h\0a.")), "holds no dictionary of tensors");
        refused(archive(pickle("}q\0h\0h\0s.")), "holds no tensors by name");
        refused(archive(pickle("c__torch__\nM\n)\u0081q\0}X\1\0\0\0ah\0sb."), "constants.pkl", ""), "nested too deeply");
        // 2 to the power of 60 paths through modules that share their parts.
        StringBuilder shared = new StringBuilder("c__torch__\nM\n)\u0081q\0");
        for (int i = 0; i < 60; i++)
            shared.append("c__torch__\nM\n)\u0081}(X\1\0\0\0ah").append((char) i).append("X\1\0\0\0bh").append((char) i).append("ubq")
                    .append((char) (i + 1));
        refused(archive(pickle(shared + "."), "constants.pkl", ""), "more than 65536 attributes");
        // Depth that would overflow the stack of a recursive reader.
        refused(archive(pickle("]".repeat(100_000) + "a".repeat(99_999) + ".")), "holds no dictionary of tensors");
        refused(archive(pickle("N0".repeat(Pickle.MAX_OPCODES / 2))), "more than 4194304 opcodes");
        // Calls of few bytes that copy long arguments, and names that grow with the depth.
        String pairs = "ccollections\nOrderedDict\nq\0](" + "K\1K\2\u0086".repeat(1000) + "e\u0085q\1";
        refused(archive(pickle(pairs + "h\0h\1R0".repeat(5000))), "copies more than 4194304 items");
        String size = "ctorch\nSize\nq\0(" + "K\1".repeat(64) + "t\u0085q\1";
        refused(archive(pickle(size + "h\0h\1R0".repeat((1 << 16) + 1))), "copies more than 4194304 items");
        String part = "X\u00C8\0\0\0" + "a".repeat(200);
        refused(archive(pickle("c__torch__\nM\n)\u0081q\0}" + part + "h\0sb."), "constants.pkl", ""), "a name of 602 characters");
        for (String[] broken : new String[][] {{"}", "ends at byte 3"},
                {"X\u00FF\u00FF\u00FF\u007Fabc", "in the middle of a value of 2147483647"}, {"\u008D\0\0\0\0\0\0\0\u0080.", "bytes"},
                {"u.", "no mark"}, {".", "takes a value where there is none"}, {"h\7.", "value 7"},
                {"}(Nu.", "a key without a value"}, {"NNs.", "takes a value"}, {"NNNs.", "no dictionary"}, {"i", "opcode 0x69 at byte 2"},
                {"NNR.", "without a tuple"}, {"N)R.", "no function"}, {"(.", "takes a value where there is none"}, {"NQ.", "no storage"},
                {"\u008B\0\1\0\0", "a number of 256 bytes"}, {"c" + "m".repeat(2000) + "\n", "more than 1000 characters"},
                {"NN\u0093", "by no text"}})
            refused(archive(pickle(broken[0])), "its ", broken[1]);
        refused(archive(new byte[] {(byte) 0x80, 9, '.'}), "protocol 9");
    }

    @Test
    void newerProtocolsAreRead() throws IOException {
        // Protocol 4: a frame, short texts, MEMOIZE and STACK_GLOBAL.
        String body = "\u0095\0\0\0\0\0\0\0\0}\u0094\u008C\1w\u0094\u008C\14torch._utils\u0094\u008C\22_rebuild_tensor_v2\u0094\u0093\u0094"
                + "((\u008C\7storage\u0094\u008C\5torch\u0094\u008C\13HalfStorage\u0094\u0093\u0094\u008C\1" + "0\u0094\u008C\3cpu"
                + "\u0094K\14tQK\0K\14\u0085K\1\u0085\u0089NtRs.";
        byte[] bytes = pickle(body);
        bytes[1] = 4;
        try (TensorFile file = TensorFile.open(archive(bytes))) {
            assertEquals(DType.F16, file.tensor("w", Shape.of(12)).dtype());
        }
    }

    @Test
    void otherByteOrdersAreRefused() throws IOException {
        byte[] pickle = pickle(tensor("K\6", "K\0", "K\6\u0085", "K\1\u0085"));
        refused(archive(pickle, "byteorder", "big"), "big-endian");
        TensorFile.open(archive(pickle, "byteorder", "little", ".data/serialization_id", "7")).close();
        refused(archive(pickle, "imu2clip.json", "null"), "imu2clip.json");
        refused(archive(pickle, "imu2clip.json", "{\"a\":[]}"), "imu2clip.json");
    }

    // ---- zip ----

    @Test
    void zip64DirectoriesAreRead() throws IOException {
        byte[] plain = Files.readAllBytes(archive(pickle(tensor("K\6", "K\0", "K\6\u0085", "K\1\u0085"))));
        try (TensorFile file = TensorFile.open(Files.write(folder.resolve("zip64.pt"), zip64(plain)))) {
            assertArrayEquals(new float[6], file.floats("w"));
        }
    }

    /** The same archive with every size and place of the directory in zip64 fields. */
    private static byte[] zip64(byte[] zip) {
        ByteBuffer old = ByteBuffer.wrap(zip).order(ByteOrder.LITTLE_ENDIAN);
        int end = zip.length - 22, start = old.getInt(end + 16), count = old.getShort(end + 10);
        ByteBuffer made = ByteBuffer.allocate(zip.length + 1000).order(ByteOrder.LITTLE_ENDIAN).put(zip, 0, start);
        for (int i = 0, at = start; i < count; i++) {
            int name = old.getShort(at + 28), to = made.position();
            made.put(zip, at, 46 + name);
            made.putShort((short) 1).putShort((short) 24).putLong(old.getInt(at + 24)).putLong(old.getInt(at + 20))
                    .putLong(old.getInt(at + 42));
            made.putInt(to + 20, -1).putInt(to + 24, -1).putInt(to + 42, -1).putShort(to + 30, (short) 28);
            at += 46 + name + old.getShort(at + 30) + old.getShort(at + 32);
        }
        int end64 = made.position();
        made.putInt(0x06064B50).putLong(44).putShort((short) 45).putShort((short) 45).putInt(0).putInt(0).putLong(count).putLong(count)
                .putLong(end64 - start).putLong(start);
        made.putInt(0x07064B50).putInt(0).putLong(end64).putInt(1);
        made.putInt(0x06054B50).putInt(0).putInt(-1).putInt(-1).putInt(-1).putShort((short) 0);
        return Arrays.copyOf(made.array(), made.position());
    }

    @Test
    void everyTruncationOfAnArchiveIsRefused() throws IOException {
        byte[] whole = Files.readAllBytes(resource("odd.pt"));
        for (int size = 0; size < whole.length; size++) {
            MemorySegment cut = MemorySegment.ofArray(Arrays.copyOf(whole, size));
            try (Arena arena = Arena.ofConfined()) {
                assertThrows(InputException.class, () -> TensorFile.of(Path.of("cut.pt"), cut, arena));
            }
        }
    }

    // ---- writing ----

    private static List<TensorSource> tensors(TensorFile file) {
        List<TensorSource> sources = new ArrayList<>();
        file.tensors().forEach((name, view) -> sources.add(TensorSource.of(view, view.dtype(), new LongAdder())));
        return sources;
    }

    private static byte[] entry(ZipFile zip, String name) throws IOException {
        return zip.getInputStream(zip.getEntry(name)).readAllBytes();
    }

    /** What torch.save wrote, read and written by us: the pickle is the same byte for byte, and so are the storages. */
    @Test
    void aStateDictIsWrittenAsPyTorchDoes() throws IOException {
        Path golden = resource("state_dict.pt"), ours = folder.resolve("ours.pt");
        try (TensorFile file = TensorFile.open(golden)) {
            TorchWriter.write(ours, Map.of("imu_encoder_name", "mw2"), tensors(file));
        }
        try (ZipFile theirs = new ZipFile(golden.toFile()); ZipFile made = new ZipFile(ours.toFile())) {
            for (String name : List.of("data.pkl", "byteorder", "version", "data/0", "data/13", "data/60", "data/61")) {
                assertArrayEquals(entry(theirs, "state_dict/" + name), entry(made, "archive/" + name), name);
                assertEquals(theirs.getEntry("state_dict/" + name).getCrc(), made.getEntry("archive/" + name).getCrc(), name);
                assertEquals(ZipEntry.STORED, made.getEntry("archive/" + name).getMethod());
            }
        }
        byte[] first = Files.readAllBytes(ours);
        try (TensorFile file = TensorFile.open(ours); TensorFile again = TensorFile.open(golden)) {
            assertEquals(Map.of("imu_encoder_name", "mw2"), file.metadata());
            assertEquals(List.copyOf(again.names()), List.copyOf(file.names()));
            for (String name : again.names()) assertArrayEquals(again.floats(name), file.floats(name), name);
            for (TensorView view : file.tensors().values()) assertEquals(0, view.storage().address() % 64, view.name());
            TorchWriter.write(ours, Map.of("imu_encoder_name", "mw2"), tensors(again));
        }
        assertArrayEquals(first, Files.readAllBytes(ours));
    }

    @Test
    void oneTensorAndNoneAreWritten() throws IOException {
        Path file = folder.resolve("one.pt");
        TorchWriter.write(file, Map.of(), List.of(TensorSource.of(Safetensors.Source.of("w", new float[] {1, 2}, 1, 2))));
        try (TensorFile one = TensorFile.open(file)) {
            assertArrayEquals(new float[] {1, 2}, one.floats("w"));
            assertEquals(Map.of(), one.metadata());
        }
        TorchWriter.write(file, Map.of(), List.of());
        refused(file, "holds no tensors by name");
    }
}
