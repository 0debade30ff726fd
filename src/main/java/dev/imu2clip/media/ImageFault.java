package dev.imu2clip.media;

/** What is wrong inside a picture or video file; {@link ImageDecoder} adds the file's name. */
final class ImageFault extends RuntimeException {
    ImageFault(String message) {
        super(message);
    }

    static ImageFault truncated(String where) {
        return new ImageFault("the file ends within " + where);
    }

    @Override
    public synchronized Throwable fillInStackTrace() {
        return this;
    }
}
