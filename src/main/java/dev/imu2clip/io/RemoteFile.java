package dev.imu2clip.io;

import java.net.URI;

/**
 * A file on the net whose content is known.
 *
 * @param address where it is; the last part of its path is the file's name
 * @param size    in bytes
 * @param sha256  of its content, in hexadecimal
 */
public record RemoteFile(URI address, long size, String sha256) {
    public String name() {
        String path = address.getPath();
        return path.substring(path.lastIndexOf('/') + 1);
    }

    /** The same file in another place. */
    public RemoteFile at(URI folder) {
        String text = folder.toString();
        return new RemoteFile(URI.create(text + (text.endsWith("/") ? "" : "/") + name()), size, sha256);
    }
}
