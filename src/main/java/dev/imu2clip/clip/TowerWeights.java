package dev.imu2clip.clip;

import dev.imu2clip.io.Sha256;
import dev.imu2clip.nn.LowRank;
import dev.imu2clip.nn.Parameter;
import dev.imu2clip.tensor.Shape;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.Map;
import java.util.Set;

/** The weights of a tower in memory, adapters merged. */
final class TowerWeights implements ClipWeights {
    private static final String WEIGHT = ".weight";
    private final Tower tower;
    private final Map<String, Shape> shapes;
    private final Tuning.Adapters adapters;

    /** @param adapters of the tower; null for none */
    TowerWeights(Tower tower, Tuning.Adapters adapters) {
        this.tower = tower;
        this.shapes = tower.shapes();
        this.adapters = adapters;
    }

    @Override
    public Set<String> names() {
        return shapes.keySet();
    }

    @Override
    public Shape shape(String name) {
        return shapes.get(name);
    }

    @Override
    public void copyTo(String name, MemorySegment target) {
        float[] values = tower.values(name);
        if (adapters != null) merge(name, values);
        MemorySegment.copy(values, 0, target, ValueLayout.JAVA_FLOAT_UNALIGNED, 0, values.length);
    }

    private void merge(String name, float[] weight) {
        if (!name.endsWith(WEIGHT)) return;
        String layer = name.substring(0, name.length() - WEIGHT.length());
        Map<String, Parameter> parameters = tower.parameters();
        Parameter a = parameters.get(layer + LowRank.A), b = parameters.get(layer + LowRank.B);
        if (a != null) LowRank.merge(weight, a.exact().toFloats(), b.exact().toFloats(), adapters.rank(), adapters.alpha());
    }

    @Override
    public String identity() {
        var digest = Sha256.digest();
        for (String name : names()) {
            digest.update(name.getBytes(StandardCharsets.UTF_8));
            MemorySegment bytes = MemorySegment.ofArray(new byte[Math.toIntExact(4 * shape(name).count())]);
            copyTo(name, bytes);
            digest.update(bytes.asByteBuffer().order(ByteOrder.LITTLE_ENDIAN));
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    @Override
    public String origin() {
        return "a tower in memory";
    }

    @Override
    public void close() {}
}
