package dev.imu2clip.clip;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.imu2clip.io.RemoteFile;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ClipFilesTest {
    @TempDir
    Path cache;
    private String cacheBefore;

    @BeforeEach
    void ownCache() {
        cacheBefore = System.getProperty("imu2clip.cache");
        System.setProperty("imu2clip.cache", cache.toString());
    }

    @AfterEach
    void restoreCache() {
        if (cacheBefore == null) System.clearProperty("imu2clip.cache");
        else System.setProperty("imu2clip.cache", cacheBefore);
    }

    @Test
    void theVariableComesBeforeTheDownloadedFolder() throws IOException {
        ClipRelease release = ClipRelease.VIT_B_32;
        assertEquals(Optional.empty(), ClipFiles.find(null, release));
        Path folder = Files.createDirectories(cache.resolve("models/clip-vit-b-32"));
        Files.createFile(folder.resolve("ViT-B-32.pt"));
        assertEquals(Optional.empty(), ClipFiles.find("", release), "half of it is not enough");
        Files.createFile(folder.resolve("bpe_simple_vocab_16e6.txt.gz"));
        assertEquals(new ClipFiles(folder, "downloaded"), ClipFiles.find(" ", release).orElseThrow());
        assertEquals(new ClipFiles(Path.of("/x/clip.pt"), "IMU2CLIP_CLIP"), ClipFiles.find("/x/clip.pt", release).orElseThrow());
        assertEquals("CLIP weights /x/clip.pt (IMU2CLIP_CLIP)", ClipFiles.find("/x/clip.pt", release).orElseThrow().notice());
    }

    @Test
    void whatIsPublishedIsComplete() {
        for (ClipRelease release : ClipRelease.ALL)
            for (RemoteFile file : release.files()) {
                assertTrue(file.address().getScheme().equals("https") && file.size() > 0 && file.sha256().matches("[0-9a-f]{64}"),
                        file.name());
                assertEquals("https://m.example/clip/" + file.name(), file.at(URI.create("https://m.example/clip")).address().toString());
            }
        assertEquals(List.of("ViT-B-32.pt", "bpe_simple_vocab_16e6.txt.gz"),
                ClipRelease.VIT_B_32.files().stream().map(RemoteFile::name).toList());
    }
}
