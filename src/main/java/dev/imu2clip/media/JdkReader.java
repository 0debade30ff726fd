package dev.imu2clip.media;

import java.io.IOException;
import java.util.Iterator;
import java.util.List;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.spi.IIORegistry;
import javax.imageio.spi.ImageReaderSpi;

/** The JDK's own picture readers; one from the class path may stand before them in the registry. Only raw samples are taken from them. */
final class JdkReader {
    private JdkReader() {}

    static ImageReader of(String format) throws IOException {
        Iterator<ImageReaderSpi> all = IIORegistry.getDefaultInstance().getServiceProviders(ImageReaderSpi.class, false);
        while (all.hasNext()) {
            ImageReaderSpi spi = all.next();
            if (spi.getClass().getModule() != ImageIO.class.getModule()) continue;
            if (List.of(spi.getFormatNames()).contains(format)) return spi.createReaderInstance();
        }
        throw new IllegalStateException("this Java has no reader for " + format);
    }
}
