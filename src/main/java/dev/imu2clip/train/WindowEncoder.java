package dev.imu2clip.train;

import dev.imu2clip.data.DataSet;
import dev.imu2clip.data.Modality;
import dev.imu2clip.data.WindowTable;
import dev.imu2clip.io.Progress;

import java.util.Set;

/**
 * A frozen encoder of one modality of windows. CLIP's image tower is one, for video. An encoder of another modality, such as sound, is found
 * as a service ({@link java.util.ServiceLoader}): this is the slot for it.
 */
public interface WindowEncoder extends AutoCloseable {
    Modality modality();

    /** Numbers in an embedding. */
    int width();

    /** Changes with the weights and with what is done to the input. */
    String identity();

    /** Changes with the files that the embeddings of these recordings follow from. */
    String identityOf(DataSet data, Set<String> uids);

    /**
     * Embeds windows. Wherever an embedding is null, {@code problems} has heard why.
     *
     * @return (windows, width), not normalised
     */
    float[][] embed(DataSet data, WindowTable windows, Problems problems, Progress progress);

    @Override
    void close();

    /** Hears of windows that have no embedding. */
    @FunctionalInterface
    interface Problems {
        /** @param detail names the window or the file, and what is wrong */
        void missing(int window, String detail);
    }
}
