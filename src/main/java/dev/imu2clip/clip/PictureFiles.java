package dev.imu2clip.clip;

import dev.imu2clip.io.InputException;
import dev.imu2clip.io.Sha256;
import dev.imu2clip.media.ImageDecoder;
import dev.imu2clip.media.Preprocess;

import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.List;
import java.util.UUID;

/** Picture files, preprocessed as CLIP does it; known by their content, whatever they are called. */
public final class PictureFiles extends ImageSource {
    private final List<Path> files;
    private final Preprocess preprocess;
    private final EmbeddingCache.Key[] keys;

    /** @param skipsBroken whether a picture that cannot be read is left out */
    public PictureFiles(List<Path> files, Preprocess preprocess, boolean skipsBroken) {
        super(skipsBroken);
        this.files = files;
        this.preprocess = preprocess;
        this.keys = new EmbeddingCache.Key[files.size()];
    }

    /** Why a picture has no embedding. Of equal ones only the first may have been tried. */
    public String why(int image) {
        InputException failure = failures().get(image);
        return failure != null ? failure.getMessage() : files.get(image) + ": is the same as another that cannot be read";
    }

    @Override
    public int count() {
        return files.size();
    }

    @Override
    public EmbeddingCache.Key key(int image) {
        try {
            return keys[image] = key(ImageDecoder.bytes(files.get(image)));
        } catch (InputException e) {
            // Nothing is like it; reading will tell what is wrong.
            return keys[image] = key(UUID.randomUUID().toString().getBytes(StandardCharsets.US_ASCII));
        }
    }

    private EmbeddingCache.Key key(byte[] content) {
        MessageDigest digest = Sha256.digest();
        digest.update(("picture, " + preprocess.identity() + "\n").getBytes(StandardCharsets.UTF_8));
        digest.update(content);
        return EmbeddingCache.Key.of(digest);
    }

    @Override
    public void read(int image, MemorySegment target) {
        Path file = files.get(image);
        byte[] bytes = ImageDecoder.bytes(file);
        // Else the cache would hold another picture's embedding under this key.
        if (!key(bytes).equals(keys[image])) throw InputException.in(file, "changed while it was read", "Try again");
        preprocess.apply(new ImageDecoder().decode(bytes, file.toString()), target, 0);
        wasRead();
    }
}
