"""Goldens of picture decoding and preprocessing: src/test/resources/goldens/images.zip and images_real.json.

Pictures are synthetic, drawn here. In the archive are

    decode/NAME, decode/NAME.rgb    a file, and the bytes of Pillow's exif_transpose(open(NAME)).convert("RGB")
    refuse/NAME                     a file that Pillow raises an error for
    crop/NAME.png, crop/NAME.SIZE.rgb, crop/NAME.SIZE.sha256
                                    a file, torchvision's Resize(SIZE, bicubic) and CenterCrop(SIZE), and the sum of the normalised floats

images_real.json holds SHA-256 sums for the pictures and videos of a folder of test data that is no part of the project. Frames are taken
by the program ffmpeg, which decodes the whole file, with the conversion flags that FrameConverter names.

    python tools/goldens/images.py [TEST_DATA [FFMPEG]]
"""
import hashlib
import io
import json
import pathlib
import struct
import subprocess
import sys
import zipfile
import zlib

import numpy as np
from PIL import Image, ImageOps
from torchvision import transforms

FOLDER = pathlib.Path("src/test/resources/goldens")
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
rng = np.random.default_rng(20221014)


class Archive:
    def __init__(self, path):
        self.zip = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9)

    def put(self, name, data):
        self.zip.writestr(zipfile.ZipInfo(name, (2025, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED)

    def case(self, name, data):
        """A file with what Pillow makes of it."""
        try:
            with Image.open(io.BytesIO(data)) as image:
                rgb = ImageOps.exif_transpose(image).convert("RGB")
        except (OSError, ValueError, SyntaxError) as e:
            print(f"refuse/{name}: {e}")
            self.put(f"refuse/{name}", data)
            return
        self.put(f"decode/{name}", data)
        self.put(f"decode/{name}.rgb", struct.pack("<II", *rgb.size) + rgb.tobytes())


def draw(w, h):
    """Gradients, waves, a block with hard edges, and noise."""
    y, x = np.mgrid[0:h, 0:w]
    a = np.stack([x * 255 / max(w - 1, 1), y * 255 / max(h - 1, 1), 128 + 100 * np.sin(x / 5) * np.cos(y / 7)], -1)
    a += rng.normal(0, 12, a.shape)
    a[h // 4:h // 2, w // 4:w // 2] = [250, 20, 30]
    return Image.fromarray(np.clip(a, 0, 255).astype("u1"))


def encode(image, extension, **settings):
    out = io.BytesIO()
    image.save(out, {"jpg": "JPEG"}.get(extension, extension.upper()), **settings)
    return out.getvalue()


IMAGE = draw(29, 21)
GREY = IMAGE.convert("L")
PALETTE = IMAGE.quantize(17)
ALPHA = IMAGE.copy()
ALPHA.putalpha(Image.fromarray((np.mgrid[0:21, 0:29][1] * 8).astype("u1")))


def jpeg(z):
    def put(name, image=IMAGE, **settings):
        z.case(f"{name}.jpg", encode(image, "jpg", **settings))

    for chroma in ("4:4:4", "4:2:2", "4:2:0", "4:1:1"):
        short = chroma.replace(":", "")
        put(f"yuv{short}", subsampling=chroma)
        put(f"progressive{short}", subsampling=chroma, progressive=True)
        put(f"fine{short}", subsampling=chroma, quality=97)
    put("grey", GREY)
    put("grey_progressive", GREY, progressive=True)
    put("rgb", keep_rgb=True)
    put("restart", restart_marker_blocks=2)
    for w, h in ((1, 1), (2, 3), (17, 16), (16, 33)):
        put(f"size{w}x{h}", draw(w, h))
    cmyk = encode(IMAGE.convert("CMYK"), "jpg")
    at = cmyk.index(b"Adobe")
    z.case("cmyk.jpg", cmyk)
    z.case("ycck.jpg", cmyk[:at + 11] + b"\2" + cmyk[at + 12:])
    z.case("cmyk_without_adobe.jpg", cmyk[:at - 4] + cmyk[at + 12:])

    # Without JFIF the components' names tell the colour space.
    for name, chroma in (("444", "4:4:4"), ("420", "4:2:0")):
        full = encode(IMAGE, "jpg", subsampling=chroma)
        at = full.index(b"JFIF")
        plain = full[:at - 4] + full[at + 14:]
        for names in (b"\1\2\3", b"RGB", b"\0\1\2", b"\5\x09\x0b"):
            z.case(f"names_{names.hex()}_{name}.jpg", component_names(plain, names))
    z.case("names_rgb_jfif.jpg", component_names(encode(IMAGE, "jpg", subsampling="4:4:4"), b"RGB"))

    # 4:4:0: a square 4:2:2 file with the luma's factors swapped decodes to something, and to the same in every decoder.
    for size in (48, 47, 33):
        data = bytearray(encode(draw(size, size), "jpg", subsampling="4:2:2", quality=95))
        data[data.index(b"\xff\xc0") + 11] = 0x12
        z.case(f"yuv440_{size}.jpg", bytes(data))

    baseline, progressive = encode(IMAGE, "jpg"), encode(IMAGE, "jpg", progressive=True)
    for name, data in (("baseline", baseline), ("progressive", progressive)):
        for cut in (1, 2, 3, 20, len(data) // 3):
            z.case(f"{name}_cut{cut}.jpg", data[:-cut])
        z.case(f"{name}_headers.jpg", data[:200])
        z.case(f"{name}_trailing.jpg", data + b"trailing" * 50)
        z.case(f"{name}_flipped.jpg", data[:-120] + bytes([data[-120] ^ 0x10]) + data[-119:])
    z.case("half_with_end.jpg", baseline[:-200] + b"\xff\xd9")


def component_names(data, names):
    data = bytearray(data)
    frame, scan = data.index(b"\xff\xc0"), data.index(b"\xff\xda")
    for i, name in enumerate(names):
        data[frame + 10 + 3 * i] = data[scan + 5 + 2 * i] = name
    return bytes(data)


def orientation(z):
    small = IMAGE.crop((0, 0, 11, 7))
    for value in range(10):
        exif = Image.Exif()
        exif[0x0112] = value
        z.case(f"exif{value}.jpg", encode(small, "jpg", exif=exif))
        z.case(f"exif{value}.png", encode(small, "png", exif=exif))
    exif[0x0112] = 6
    z.case("exif6.webp", encode(small, "webp", exif=exif.tobytes(), lossless=True))
    big_endian = b"Exif\0\0MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"
    z.case("exif_big_endian.jpg", encode(small, "jpg", exif=big_endian))
    z.case("exif_cut.jpg", encode(small, "jpg", exif=big_endian[:20]))
    xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="8"/></x:xmpmeta>'
    z.case("xmp8.jpg", encode(small, "jpg", xmp=xmp))
    z.case("xmp8.webp", encode(small, "webp", xmp=xmp, lossless=True))
    z.case("xmp8_exif3.jpg", encode(small, "jpg", xmp=xmp, exif=big_endian[:-5] + b"\3\0\0\0\0"))


def webp(z):
    for quality in (2, 60, 100):
        z.case(f"lossy{quality}.webp", encode(IMAGE, "webp", quality=quality))
    z.case("lossless.webp", encode(IMAGE, "webp", lossless=True))
    z.case("alpha_lossy.webp", encode(ALPHA, "webp", quality=60))
    z.case("alpha_lossless.webp", encode(ALPHA, "webp", lossless=True, exact=True))
    turned = dict(save_all=True, append_images=[ALPHA.rotate(90)])
    z.case("animated_lossy.webp", encode(IMAGE, "webp", quality=70, **turned))
    z.case("animated_alpha.webp", encode(ALPHA, "webp", quality=50, **turned))
    z.case("animated_lossless.webp", encode(ALPHA, "webp", lossless=True, **turned))
    part = Image.new("RGBA", IMAGE.size)
    part.paste(IMAGE.crop((0, 0, 12, 9)), (10, 8))
    z.case("animated_part.webp", encode(part, "webp", lossless=True, background=(9, 200, 7, 255), **turned))
    for w, h in ((1, 1), (3, 5)):
        z.case(f"size{w}x{h}.webp", encode(draw(w, h), "webp"))
    for name, settings in (("lossy", {}), ("lossless", {"lossless": True})):
        data = encode(IMAGE, "webp", **settings)
        z.case(f"{name}_cut.webp", data[:-100])
        z.case(f"{name}_trailing.webp", data + b"trailing")


def png(z):
    for name, image, settings in (("rgb", IMAGE, {}), ("grey", GREY, {}), ("rgba", ALPHA, {}), ("la", ALPHA.convert("LA"), {}),
                                  ("bilevel", IMAGE.convert("1"), {}), ("palette", PALETTE, {}),
                                  ("palette_transparent", PALETTE, {"transparency": bytes(range(0, 170, 10))}),
                                  ("rgb_transparent", IMAGE, {"transparency": (250, 20, 30)}),
                                  ("grey_transparent", GREY, {"transparency": 100}),
                                  ("profile", IMAGE, {"icc_profile": b"\0" * 128}),
                                  ("grey16", Image.fromarray(np.asarray(GREY).astype("u2") * 3), {})):
        z.case(f"{name}.png", encode(image, "png", **settings))
    for colour, channels in ((0, 1), (2, 3), (3, 1), (4, 2), (6, 4)):
        for depth in (1, 2, 4, 8, 16):
            if depth < 8 and colour in (2, 4, 6) or depth == 16 and colour == 3:
                continue
            for interlaced in (0, 1):
                for w, h in ((19, 13), (1, 1), (3, 2)):
                    rows = png_rows(w, h, depth * channels, interlaced)
                    colours = rng.integers(0, 256, 3 << min(depth, 8), dtype="u1").tobytes() if colour == 3 else None
                    z.case(f"type{colour}_depth{depth}_interlaced{interlaced}_{w}x{h}.png",
                           png_file(w, h, depth, colour, rows, interlaced, colours))
    z.case("palette_short.png", png_file(19, 13, 8, 3, png_rows(19, 13, 8, 0), 0, bytes(range(60))))
    z.case("gamma.png", png_file(19, 13, 8, 2, png_rows(19, 13, 24, 0), 0, None, chunk(b"gAMA", struct.pack(">I", 100000))))
    rows = png_rows(19, 13, 24, 0)
    z.case("width_zero.png", png_file(0, 13, 8, 2, b"", 0, None))
    z.case("filter_unknown.png", png_file(4, 1, 8, 0, b"\x09abcd", 0, None))
    full = encode(IMAGE, "png")
    for cut in (5, 12, 14, 500, len(full) - 30):
        z.case(f"cut{cut}.png", full[:-cut])
    z.case("sum_wrong.png", full[:-20] + bytes([full[-20] ^ 0xff]) + full[-19:])
    z.case("header_sum_wrong.png", full[:30] + bytes([full[30] ^ 0xff]) + full[31:])


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_file(w, h, depth, colour, rows, interlaced, palette, more=b""):
    data = zlib.compress(rows)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, depth, colour, 0, 0, interlaced)) + more
            + (chunk(b"PLTE", palette) if palette else b"") + chunk(b"IDAT", data[:20]) + chunk(b"IDAT", data[20:]) + chunk(b"IEND", b""))


def png_rows(w, h, bits, interlaced):
    """Random samples under random filters."""
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    out = b""
    for x0, y0, dx, dy in passes if interlaced else [(0, 0, 1, 1)]:
        columns, rows = -((x0 - w) // dx), -((y0 - h) // dy)
        if columns > 0:
            for _ in range(rows):
                out += bytes([rng.integers(0, 5)]) + rng.integers(0, 256, (columns * bits + 7) // 8, dtype="u1").tobytes()
    return out


def gif(z):
    for colours in (2, 4, 64, 200):
        z.case(f"colours{colours}.gif", encode(IMAGE.quantize(colours), "gif"))
    z.case("grey.gif", encode(GREY, "gif"))
    z.case("transparent.gif", encode(PALETTE, "gif", transparency=3))
    z.case("not_interlaced.gif", encode(PALETTE, "gif", interlace=0))
    z.case("animated.gif", encode(PALETTE, "gif", save_all=True, append_images=[PALETTE.rotate(90)]))
    noise = Image.fromarray(rng.integers(0, 256, (70, 70), dtype="u1"))
    z.case("table_full.gif", encode(noise, "gif"))
    one, other = bytes([255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9]), bytes([1, 2, 3, 4, 5, 6, 70, 80, 90, 100, 110, 120])
    part = (3, 4, 9, 6)
    z.case("part.gif", gif_file(20, 15, part, one, None))
    z.case("part_own_palette.gif", gif_file(20, 15, part, one, other))
    z.case("part_transparent.gif", gif_file(20, 15, part, one, None, transparent=1))
    z.case("part_interlaced.gif", gif_file(20, 15, (3, 4, 9, 11), one, None, interlaced=True))
    z.case("no_palette.gif", gif_file(20, 15, part, None, None))
    z.case("own_palette_only.gif", gif_file(20, 15, part, None, other, transparent=3))
    z.case("beyond_screen.gif", gif_file(5, 5, part, one, None))
    z.case("short_blocks.gif", gif_file(20, 15, part, one, None, block=2))
    z.case("clear_twice.gif", gif_file(20, 15, part, one, None, clears=2))
    z.case("ends_early.gif", gif_file(20, 15, (0, 0, 20, 15), one, None, data=b"\x2c\x01"))
    full = encode(PALETTE, "gif")
    for cut in (1, 2, 200):
        z.case(f"cut{cut}.gif", full[:-cut])


def gif_file(w, h, box, palette, own, transparent=None, interlaced=False, data=None, clears=1, block=255):
    x, y, box_w, box_h = box
    out = b"GIF89a" + struct.pack("<HHBBB", w, h, 0x81 if palette else 0, 2, 0) + (palette or b"")
    if transparent is not None:
        out += b"\x21\xf9\4" + bytes([1, 0, 0, transparent, 0])
    out += b"\x2c" + struct.pack("<HHHHB", x, y, box_w, box_h, (0x81 if own else 0) | (0x40 if interlaced else 0)) + (own or b"")
    if data is None:  # codes of 3 bits; the table is cleared every second pixel, so that they stay as wide
        codes = [c for i in range(box_w * box_h) for c in ([4] * clears if i % 2 == 0 else []) + [(i * 7 // 3) % 4]] + [5]
        bits = sum(c << 3 * i for i, c in enumerate(codes))
        data = bits.to_bytes((3 * len(codes) + 7) // 8, "little")
    blocks = b"".join(bytes([len(data[i:i + block])]) + data[i:i + block] for i in range(0, len(data), block))
    return out + b"\2" + blocks + b"\0;"


def bmp(z):
    for name, image in (("rgb", IMAGE), ("grey", GREY), ("palette", PALETTE), ("bilevel", IMAGE.convert("1")), ("rgba", ALPHA)):
        z.case(f"{name}.bmp", encode(image, "bmp"))
    for down in (False, True):
        for bits in (1, 4, 8, 16, 24, 32):
            z.case(f"bits{bits}{'_top_down' * down}.bmp", bmp_file(bits, colours=1 << bits if bits <= 8 else 0, down=down))
    z.case("os2_8.bmp", bmp_file(8, colours=256, header=12))
    z.case("os2_24.bmp", bmp_file(24, header=12))
    plain = bmp_file(24, pixels=bytes(i * 7 % 251 for i in range(72 * 11)))
    z.case("file_size_zero.bmp", plain[:2] + b"\0\0\0\0" + plain[6:])
    z.case("os2_2.bmp", bmp_file(24, pixels=plain[-72 * 11:], header=64))
    z.case("palette_short.bmp", bmp_file(8, colours=16))
    for name, bits, masks, header in (("565", 16, (0xf800, 0x7e0, 0x1f), 40), ("555", 16, (0x7c00, 0x3e0, 0x1f), 40),
                                      ("high", 32, (0xff000000, 0xff0000, 0xff00), 40),
                                      ("v4", 32, (0xff0000, 0xff00, 0xff, 0xff000000), 108),
                                      ("v5", 32, (0xff, 0xff00, 0xff0000, 0xff000000), 124)):
        z.case(f"masks_{name}.bmp", bmp_file(bits, compression=3, masks=struct.pack(f"<{len(masks)}I", *masks), header=header))
    row = bytes([5, 3, 0, 4, 1, 2, 3, 4, 0, 3, 7, 8, 9, 0, 4, 11, 0, 0])
    z.case("rle8.bmp", bmp_file(8, colours=16, compression=1, pixels=row * 10 + bytes([23, 3, 0, 1])))
    z.case("rle8_jumps.bmp", bmp_file(8, colours=16, compression=1, pixels=row * 7 + bytes([2, 5, 0, 2, 3, 1, 18, 9, 0, 0]) + row * 2))
    z.case("rle8_cut.bmp", bmp_file(8, colours=16, compression=1, pixels=row * 5))
    row = bytes([5, 0x3a, 0, 4, 0x12, 0x34, 14, 0x1b, 0, 0])
    z.case("rle4.bmp", bmp_file(4, colours=16, compression=2, pixels=row * 11 + b"\0\1"))
    for cut in (4, 100):
        z.case(f"cut{cut}.bmp", bmp_file(24)[:-cut])


def bmp_file(bits, colours=0, compression=0, pixels=None, masks=b"", header=40, down=False, w=23, h=11):
    if pixels is None:
        pixels = rng.integers(0, 256, (w * bits + 31) // 32 * 4 * h, dtype="u1").tobytes()
    palette = b"".join(rng.integers(0, 256, 3, dtype="u1").tobytes() + b"\0" * (header > 12) for _ in range(colours))
    if header == 12:
        info = struct.pack("<IHHHH", 12, w, h, 1, bits)
    else:
        info = struct.pack("<IiiHHIIiiII", header, w, -h if down else h, 1, bits, compression, len(pixels), 0, 0, colours, 0)
        info = (info + (masks if header > 40 else b"")).ljust(header, b"\0") + (masks if header == 40 else b"")
    start = 14 + len(info) + len(palette)
    return b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start) + info + palette + pixels


def crops(size):
    tensor = transforms.Compose([transforms.ToTensor(), transforms.Normalize(MEAN, STD)])
    crop = transforms.Compose([transforms.Resize(size, transforms.InterpolationMode.BICUBIC), transforms.CenterCrop(size)])
    return crop, tensor


def preprocessing(z):
    for w, h, sizes in ((60, 40, (24, 25)), (40, 61, (24, 25)), (93, 60, (32,)), (7, 5, (32, 33)), (1, 1, (8,)), (2, 200, (16,)),
                        (200, 3, (16,)), (32, 32, (32,)), (45, 32, (32,)), (32, 45, (32,)), (57, 61, (40,)), (100, 80, (10,)),
                        (65, 66, (64,))):
        image = draw(w, h)
        z.put(f"crop/{w}x{h}.png", encode(image, "png"))
        for size in sizes:
            crop, tensor = crops(size)
            cropped = crop(image)
            z.put(f"crop/{w}x{h}.{size}.rgb", cropped.tobytes())
            z.put(f"crop/{w}x{h}.{size}.sha256", hashlib.sha256(tensor(cropped).numpy().tobytes()).hexdigest())


def sums(image):
    crop, tensor = crops(224)
    cropped = crop(image)
    return {"size": list(image.size), "rgb": hashlib.sha256(image.tobytes()).hexdigest(),
            "crop": hashlib.sha256(cropped.tobytes()).hexdigest(),
            "values": hashlib.sha256(tensor(cropped).numpy().tobytes()).hexdigest(),
            "sample": np.asarray(cropped)[16::32, 16::32].tobytes().hex()}


def frame(ffmpeg, video, number, width, height):
    command = [ffmpeg, "-v", "error", "-i", video, "-vf", rf"select=eq(n\,{number}),scale=sws_flags=bicubic+accurate_rnd+full_chroma_int",
               "-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    return Image.frombytes("RGB", (width, height), subprocess.run(command, check=True, capture_output=True).stdout)


def real(data, ffmpeg):
    with Image.open(data / "clip/CLIP.png") as image:
        files = {"clip/CLIP.png": sums(image.convert("RGB"))}
    frames = []
    for name, w, h, rate, numbers in (("gopro/max-heromode.mp4", 848, 480, 30000 / 1001, (0, 1, 100, 250, 314)),
                                      ("video/asl_walk.mkv", 640, 480, 30, (0, 7, 44, 88)),
                                      ("video/one-by-one-person-detection.mp4", 768, 432, 10, (0, 333, 700, 1393))):
        for number in numbers if ffmpeg else ():
            frames.append({"video": name, "seconds": (number + 0.5) / rate, **sums(frame(ffmpeg, data / name, number, w, h))})
    (FOLDER / "images_real.json").write_text(json.dumps({"files": files, "frames": frames}, indent=1) + "\n")


def main():
    archive = Archive(FOLDER / "images.zip")
    for part in (jpeg, orientation, webp, png, gif, bmp, preprocessing):
        part(archive)
    archive.zip.close()
    if len(sys.argv) > 1:
        real(pathlib.Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None)


if __name__ == "__main__":
    main()
