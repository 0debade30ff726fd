package dev.imu2clip.train;

import java.awt.Font;
import java.awt.GraphicsEnvironment;
import java.awt.font.FontRenderContext;
import java.util.Optional;

/** Whether text can be drawn. Java draws with the system's fonts, and a bare server or container often has none. */
public final class PlotFonts {
    static final String REMEDY = "Install fontconfig and a font, for instance apt-get install fontconfig fonts-dejavu-core";

    private PlotFonts() {}

    /** Why plots cannot be drawn, and the remedy; empty when they can. */
    public static Optional<String> problem() {
        try {
            int families = GraphicsEnvironment.getLocalGraphicsEnvironment().getAvailableFontFamilyNames().length;
            var context = new FontRenderContext(null, true, true);
            double width = new Font(Font.SANS_SERIF, Font.PLAIN, 12).getStringBounds("loss", context).getWidth();
            return families > 0 && width > 0 ? Optional.empty() : Optional.of("no fonts. " + REMEDY);
        } catch (RuntimeException | Error e) {
            // Without fontconfig or libfreetype the JDK fails with InternalError, NullPointerException, or a library that cannot be linked.
            return Optional.of("Java finds no fonts (" + e.getClass().getSimpleName() + "). " + REMEDY);
        }
    }
}
