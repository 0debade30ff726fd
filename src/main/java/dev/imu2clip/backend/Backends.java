package dev.imu2clip.backend;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;

/** The backends of this machine. Each device is opened once and lives as long as the program. */
public final class Backends {
    private static final List<BackendProvider> PROVIDERS = ServiceLoader.load(BackendProvider.class).stream()
            .map(ServiceLoader.Provider::get)
            .sorted(Comparator.comparingInt(BackendProvider::rank).reversed()).toList();
    private static final String AUTO = "auto";
    private static final Map<String, Backend> OPEN = new LinkedHashMap<>();

    /** What {@code doctor} tells of a backend: a line, and more lines under it. */
    public record Status(String name, boolean usable, List<String> devices, String detail, List<String> more) {}

    private Backends() {}

    public static List<Status> statuses() {
        return PROVIDERS.stream().map(p -> new Status(p.name(), !p.devices().isEmpty(), p.devices(), p.status(), p.details())).toList();
    }

    /** Every device that can be opened here, best first. */
    public static List<String> devices() {
        List<String> all = new ArrayList<>();
        for (BackendProvider provider : PROVIDERS) all.addAll(provider.devices());
        return all;
    }

    /** The backend named by {@code -Dimu2clip.backend}, else the best that can run here. */
    public static Backend preferred() {
        return get(AUTO);
    }

    /**
     * Opens a device by name: {@code cpu}, {@code cpu:avx2}, {@code java}, or {@code auto} for the one named by
     * {@code -Dimu2clip.backend}, else the best.
     *
     * @throws UnavailableException when it cannot run here, with the reason
     */
    public static Backend get(String device) {
        String forced = System.getProperty("imu2clip.backend", "");
        if (!device.equals(AUTO) || forced.isEmpty() || forced.equals(AUTO)) return open(device);
        try {
            return open(forced);
        } catch (UnavailableException e) {
            throw new UnavailableException("-Dimu2clip.backend=" + forced + ": " + e.getMessage());
        }
    }

    private static synchronized Backend open(String device) {
        int colon = device.indexOf(':');
        for (BackendProvider provider : PROVIDERS) {
            if (!device.equals(AUTO) && !(colon < 0 ? device : device.substring(0, colon)).equals(provider.name())) continue;
            if (provider.devices().isEmpty()) {
                if (device.equals(AUTO)) continue;
                throw new UnavailableException("device '" + device + "' cannot be used here: " + provider.status());
            }
            String exact = colon < 0 ? provider.devices().getFirst() : device;
            if (!provider.devices().contains(exact))
                throw new UnavailableException("device '" + device + "' does not exist here; there is " + String.join(", ",
                        provider.devices()));
            return OPEN.computeIfAbsent(exact, provider::open);
        }
        throw new UnavailableException("no device '" + device + "'; there is " + String.join(", ", devices()));
    }

    /** Why a better backend than this one cannot run here, a line for each; what a person should hear who left the choice to us. */
    public static List<String> passedOver(Backend chosen) {
        List<String> reasons = new ArrayList<>();
        for (BackendProvider provider : PROVIDERS) {
            if (provider.devices().contains(chosen.name())) break;
            if (provider.devices().isEmpty() && provider.expected()) reasons.add(provider.name() + " cannot be used here: " + provider.status());
        }
        return reasons;
    }

    /** A device was asked for that cannot run here. The message says why. */
    public static final class UnavailableException extends RuntimeException {
        public UnavailableException(String message) {
            super(message);
        }
    }
}
