package dev.imu2clip;

import dev.imu2clip.backend.Backends;

import java.util.List;

/**
 * The devices that tests of ops and models run on: {@code -Dimu2clip.devices=NAME,NAME}, else all of this machine but the emulated one, which
 * is slow. That one has tests of its own for every kernel ({@code SelfTestTest}, {@code EmulatedTrainingTest}); who works on a CUDA
 * kernel runs its op's tests there.
 */
public final class TestDevices {
    private TestDevices() {}

    public static List<String> all() {
        String chosen = System.getProperty("imu2clip.devices", "");
        if (!chosen.isEmpty()) return List.of(chosen.split(","));
        return Backends.devices().stream().filter(device -> !device.equals("emulated")).toList();
    }
}
