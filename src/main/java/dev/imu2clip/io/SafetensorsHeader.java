package dev.imu2clip.io;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Shape;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The checked header of a safetensors file: where each tensor lies, and nothing that points outside the file. */
final class SafetensorsHeader {
    static final String METADATA = "__metadata__";
    /** CLIP's header has 0.1 MB. The format's own limit, 100 MB, would let a damaged length ask for gigabytes of JSON tree. */
    static final long MAX_BYTES = 16 << 20;

    private static final JsonMapper JSON = JsonMapper.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS).build();

    /** Types of the format that we have no use for, with their size in bits: their place in the file is checked all the same. */
    private static final Map<String, Integer> UNSUPPORTED_BITS = Map.ofEntries(Map.entry("U8", 8), Map.entry("I8", 8), Map.entry("I16", 16),
            Map.entry("U16", 16), Map.entry("U32", 32), Map.entry("U64", 64), Map.entry("C64", 64), Map.entry("F8_E4M3", 8),
            Map.entry("F8_E5M2", 8), Map.entry("F8_E8M0", 8), Map.entry("F6_E2M3", 6), Map.entry("F6_E3M2", 6), Map.entry("F4", 4));

    /** A tensor's place: bytes {@code [begin, end)} of the data. {@code dtype} is null for a type we lack. */
    private record Place(String name, String typeName, DType dtype, Shape shape, long begin, long end) {}

    private final Path file;
    private final long dataStart;
    private final long dataSize;
    private final Map<String, String> metadata = new LinkedHashMap<>();
    private final List<Place> places = new ArrayList<>();

    private SafetensorsHeader(Path file, long dataStart, long dataSize) {
        this.file = file;
        this.dataStart = dataStart;
        this.dataSize = dataSize;
    }

    static SafetensorsHeader read(Path file, MemorySegment bytes) {
        long size = bytes.byteSize();
        if (size < 8) throw broken(file, "has " + size + " bytes, a safetensors file has at least 8");
        long length = bytes.get(ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN), 0);
        if (length < 2 || length > MAX_BYTES)
            throw broken(file, "header length " + Long.toUnsignedString(length) + " is not in 2.." + MAX_BYTES);
        if (length > size - 8) throw broken(file, "header of " + length + " bytes does not fit into a file of " + size + " bytes");
        var header = new SafetensorsHeader(file, 8 + length, size - 8 - length);
        header.parse(bytes.asSlice(8, length).asByteBuffer());
        header.checkLayout();
        return header;
    }

    long dataStart() {
        return dataStart;
    }

    Map<String, String> metadata() {
        return Collections.unmodifiableMap(metadata);
    }

    Map<String, Safetensors.Entry> entries(MemorySegment data) {
        var entries = new LinkedHashMap<String, Safetensors.Entry>();
        for (Place p : places)
            if (p.dtype != null)
                entries.put(p.name, new Safetensors.Entry(p.name, p.dtype, p.shape, data.asSlice(p.begin, p.end - p.begin).asReadOnly()));
        return Collections.unmodifiableMap(entries);
    }

    /** Name to type of the tensors whose type we lack. */
    Map<String, String> unsupported() {
        var types = new LinkedHashMap<String, String>();
        for (Place p : places) if (p.dtype == null) types.put(p.name, p.typeName);
        return Collections.unmodifiableMap(types);
    }

    private void parse(ByteBuffer bytes) {
        JsonNode root;
        try {
            // Decoded here, since the parser would guess UTF-16 or UTF-32 from the first bytes.
            root = JSON.readTree(StandardCharsets.UTF_8.newDecoder().decode(bytes).toString());
        } catch (CharacterCodingException e) {
            throw broken(file, "header is not UTF-8 text");
        } catch (JsonProcessingException e) {
            throw broken(file, "header is not valid JSON (" + e.getOriginalMessage() + ")");
        }
        if (root == null || !root.isObject()) throw broken(file, "header is not a JSON object");
        for (var field : root.properties()) {
            if (field.getKey().equals(METADATA)) parseMetadata(field.getValue());
            else places.add(place(field.getKey(), field.getValue()));
        }
    }

    private void parseMetadata(JsonNode node) {
        if (!node.isObject()) throw broken(file, METADATA + " is not a JSON object");
        for (var field : node.properties()) {
            if (!field.getValue().isTextual()) throw broken(file, METADATA + "." + field.getKey() + " is not a text");
            metadata.put(field.getKey(), field.getValue().textValue());
        }
    }

    private Place place(String name, JsonNode node) {
        String typeName = node.path("dtype").asText();
        DType dtype = dtype(typeName);
        Integer bits = dtype != null ? Integer.valueOf(8 * dtype.bytes()) : UNSUPPORTED_BITS.get(typeName);
        if (!node.path("dtype").isTextual() || bits == null) throw broken(name, "dtype " + node.path("dtype") + " is unknown");
        long[] sizes = numbers(name, "shape", node.path("shape"));
        long[] offsets = numbers(name, "data_offsets", node.path("data_offsets"));
        if (offsets.length != 2 || offsets[0] > offsets[1] || offsets[1] > dataSize)
            throw broken(name, "data_offsets " + node.path("data_offsets")
                    + " do not lie in order inside the " + dataSize + " bytes of data");
        try {
            Shape shape = Shape.of(sizes);
            long total = Math.multiplyExact(shape.count(), (long) bits);
            if (total % 8 != 0 || total / 8 != offsets[1] - offsets[0])
                throw broken(name, typeName + " " + shape + " needs " + total / 8
                        + " bytes, data_offsets give " + (offsets[1] - offsets[0]));
            return new Place(name, typeName, dtype, shape, offsets[0], offsets[1]);
        } catch (ArithmeticException e) {
            throw broken(name, "shape " + node.path("shape") + " overflows");
        }
    }

    /** The tensors, in file order, must cover the data without hole or overlap: the format demands it, and it shows truncation. */
    private void checkLayout() {
        places.sort(Comparator.comparingLong(Place::begin).thenComparingLong(Place::end));
        long at = 0;
        for (Place p : places) {
            if (p.begin != at)
                throw broken(p.name, "data begin at " + p.begin + ", expected " + at
                        + (p.begin < at ? ": tensors overlap" : ": there is a hole"));
            at = p.end;
        }
        if (at != dataSize) throw broken(file, "tensors end at byte " + at + " of the data, the file has " + dataSize);
    }

    private long[] numbers(String name, String key, JsonNode node) {
        boolean valid = node.isArray();
        long[] values = new long[node.size()];
        for (int i = 0; i < values.length && valid; i++) {
            valid = node.get(i).isIntegralNumber() && node.get(i).canConvertToLong() && node.get(i).longValue() >= 0;
            values[i] = node.get(i).longValue();
        }
        if (!valid) throw broken(name, key + " " + node + " is not a list of whole numbers from 0");
        return values;
    }

    private static DType dtype(String name) {
        for (DType type : DType.values()) if (type.name().equals(name)) return type;
        return null;
    }

    private InputException broken(String tensor, String problem) {
        return broken(file, "tensor '" + tensor + "': " + problem);
    }

    private static InputException broken(Path file, String problem) {
        return InputException.in(file, problem, "The file is damaged or no safetensors file; get it again");
    }
}
