#!/usr/bin/env python3
"""Token ids of varied texts by OpenAI's algorithm (open_clip's SimpleTokenizer with OpenAI's special tokens), for TokenizerTest.

    python tools/goldens/tokenizer.py bpe_simple_vocab_16e6.txt.gz > src/test/resources/goldens/tokens.jsonl
    python tools/goldens/tokenizer.py bpe_simple_vocab_16e6.txt.gz --only-mutations 200000 --narrations *.csv > FILE
    mvn test -Dtest=TokenizerTest -Dimu2clip.tokens=FILE

Needs open_clip_torch, ftfy, regex. The texts are ours: hand-written ones, wrongly decoded ones of many languages and encodings, and
random ones from a fixed seed. A line: {"text": ..., "ids": [...]} without start and end token. `--random N` prints N random texts,
`--mutations N` N more of texts that were wrongly decoded, cut and mixed, made of the hand-written ones or of the column "text" of
`--narrations`; `--only-mutations N` those alone.
"""
import argparse
import csv
import html
import json
import random
import sys
import unicodedata

import ftfy.bad_codecs
import regex
from open_clip.tokenizer import SimpleTokenizer

WRITTEN = r"""
C walks across the kitchen
#C C picks up a knife from the chopping board
#O A man X passes the ball to #C C
#unsure
C's hands aren't dry; he'll wipe 'em on the towel
rock 'n' roll isn't dead, I'd've said
they'RE SHOUTING: WE'VE WON!!!
'tis the season, 'twas the night
the dogs' bowls and the children's toys
''quoted'' 'single' "double" `back`
it’s a “test” of ‘curly’ quotes, „low“ ones and ‚these‛
L’été à l'hôtel; l’œuvre
1234567890 3.14159 1,000,000 2nd 10kg 5x5
½ cup, ¾ tsp, x² + y³ = z⁴, Ⅷ, ①②③, ٣٤٥, १२३
naïve façade, jalapeño, Ångström, Łódź, Čeština, Øresund, þorn
STRASSE straße ẞ GROẞ İstanbul ISPARTA ıspanak
ΟΔΥΣΣΕΥΣ Σίσυφος ΑΣ
Привет, мир! Ёлка
こんにちは世界 カタカナ ひらがな
ｶﾞｷﾞ ﾊﾝｶｸ ＦＵＬＬ ｗｉｄｔｈ １２３　４５
中文分词测试。你好，世界！
한국어 문장 하나
नमस्ते दुनिया
สวัสดีชาวโลก
שלום עולם
مرحبا بالعالم
Xin chào thế giới
é é ñ ñ Å Å
a̐éö̲ z̴a̴l̴g̴o̴
😀😃👍🏽 👨‍👩‍👧‍👦 🇩🇪 ❤️ ☕
ﬁne ﬂuﬃer oﬀice ﬅop ﬆ Ǆ ǅ ǆ Ĳ ŉ
&lt;b&gt;bold&lt;/b&gt; &amp; &quot;quoted&quot;
&amp;lt;i&amp;gt; twice &amp;amp;amp; thrice
caf&eacute; &Eacute;cole P&EACUTE;REZ BUNDESSTRA&SZLIG;E
&#39;s &#x27;t &#8217;re &#x2019;ve &rsquo;m
&hellip; &mdash; &ndash; &nbsp; &copy; &trade; &euro;
&ampfoo &notit &ltx &copy2024 &unknown; & &; &# &#; &#x; &#xZZ;
&#0; &#128; &#x80; &#150; &#xD800; &#1114112; &#9999999999; &#1; &#11; &#xFDD0; &#127;
<p>html &eacute; with &amp;eacute; tags</p>
&NotEqualTilde; &fjlig; &Jscr;ohn &HilbertSpace;
a&zwj;b&shy;c&#x200B;d
tags <b>and</b> < > <= >= <- -> <3
-- --- — – - _ __ ~ ^ | \ / // {} [] () <>
e-mail: someone@example.com, https://example.com/a?b=c&d=e#f
C++ C# .NET node.js $HOME %PATH% #hashtag @mention
50% off!!! $5.99 €3 £2 ¥100 ₹500
snake_case camelCase PascalCase kebab-case SCREAMING_SNAKE
aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
abababababababababababababababababababababababababababababababababababababababababab
hahahahahahahahahahaha lolololololololol noooooooooooo
pneumonoultramicroscopicsilicovolcanoconiosis Donaudampfschifffahrtsgesellschaft
!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!! ................ ?!?!?!?!
000000000000000000000000000000
walking_upstairs sit_to_lie STAND_TO_SIT
the person is walking, then is standing, then is sitting down
it's 'ſ long s, ſo it goes; K is Kelvin, Å is Ångström
't 's 'S 'T 'Re 'vE 'LL 'D 'M 'x 're've
a'sb a's b'll c'd d're'
… ... ‥ ‐ ‑ ‒ ― ⁃ −
½½½ ⁵⁶ ₇₈ ㊀ ㋿ 〇
𝒜𝓁𝓅𝒽𝒶 𝔾𝕠𝕥𝕙𝕚𝕔 𝟙𝟚𝟛 𐍈 𠀀 𝄞
<|startoftext|>a dog<|endoftext|>
<|STARTOFTEXT|> A Dog <|EndOfText|> more
!<|endoftext|> x<|endoftext|> <|endoftext |> <|endoftext|><|endoftext|>
&lt;|endoftext|&gt; <start_of_text> <end_of_text>
🏴󠁧󠁢󠁷󠁬󠁳󠁿 🏳️‍🌈 👩🏿‍🚀 1️⃣ ©️ 🇯🇵🇺🇸🇫
Ａ𝟘０०০༠᠐𑁦②⑵Ⅻ一〇㊿
pneumonoultramicroscopicsilicovolcanoconiosispneumonoultramicroscopicsilicovolcanoconiosis
"""
CONTROLS = [
    "", " ", "\t\n\r\f\v ", "a\r\nb\rc\nd", "tab\there", "a\u00a0b\u2003c\u3000d\u202fe\u205ff\u1680g", "a\u2028b\u2029c\u0085d",
    "\ufeffbom", "zero\u200bwidth\u200cnon\u200djoiner", "soft\u00adhyphen", "bell\x07 null\x00 del\x7f esc\x1b", "\x1b[31mred\x1b[0m",
    "\x1b[1;2mx\x1b[", "sep\x1c\x1d\x1e\x1funit", "ann\ufff9ot\ufffaat\ufffbion \ufffc", "\u206aarab\u206f", "\u202ertl\u202c",
    "win\u0093dows\u0094 \u0080 \u0081 \u0099", "\ufffd replacement", "\ue000 private \U000f0000",
    "line <b>\nnext &eacute; line\n&amp;eacute;",
    "&eacute; first\nthen <b> &amp;hellip;", "&lt;b&gt;\n&amp;lt;", "x" * 1000, "word " * 200, "é" * 300, "&amp;" * 50, "\u0301", "'" * 40,
    "\U0001f600" * 30, "&" + "amp;" * 20, "a\n\n\n b \t\t c",
]
ALPHABETS = [
    [chr(c) for c in range(32, 127)],
    list("aeinorst '.,&;#x2lampgtquo<>|"),
    list("'\"’‘“”`´sStTrReEvVmMlLdDſ "),
    [chr(c) for c in range(0xA0, 0x250)],
    [chr(c) for c in range(0x370, 0x530)],
    [chr(c) for c in range(0x4E00, 0x4F00)] + [chr(c) for c in range(0x3040, 0x3100)],
    [chr(c) for c in range(0xFF01, 0xFFF0)],
    [chr(c) for c in range(0x1F300, 0x1F650)] + list("\u200d\ufe0f"),
    [chr(c) for c in range(0x300, 0x370)] + list("aeioun "),
    [chr(c) for c in range(0x2000, 0x2200)],
]


# Texts that are encoded and decoded wrongly, once and twice.
LANGUAGES = [
    "L\u2019été à l\u2019hôtel \u2013 «naïve» façade, cœur\u2026", "Größe: 5 µm, weiß, \u201eÜbung\u201c", "¿Dónde está la señora? ¡Aquí! 50 €",
    "Às vezes o coração não àquele pão", "Łódź, źdźbło, gęś\u2014ść", "Příliš žluťoučký kůň úpěl", "Árvíztűrő tükörfúrógép",
    "Şişli\u2019de çığ, İstanbul", "Ąžuolas, ėjo šuo į namą", "Привет, мир! \u00abЁлка\u00bb \u2116 5", "Γειά σου Κόσμε, Άλφα",
    "שלום עולם", "مرحبا بالعالم ٣", "你好，世界", "こんにちは\u3000世界", "안녕하세요", "สวัสดี", "नमस्ते दुनिया", "தமிழ்", "Việt Nam \u1ebf",
    "it\u2019s a \u201ctest\u201d \u2014 fine\u2026", "✔ No problems 😀👍🏽 \U0001f3f3\ufe0f\u200d\U0001f308", "¯\\_(ツ)_/¯", "5\u00a0°C ± 2 ½ ×3²",
    "™®© ﬁne ŉ", "C walks",
]
CODECS = ["latin-1", "sloppy-windows-1252", "sloppy-windows-1251", "sloppy-windows-1250", "sloppy-windows-1253", "sloppy-windows-1254",
          "sloppy-windows-1257", "iso-8859-2", "macroman", "cp437"]
OTHER_CODECS = ["cp1252", "cp1251", "cp1250", "cp1255", "cp1256", "cp1258", "iso-8859-15", "cp850", "cp866", "koi8-r", "gbk", "shift_jis"]


def cesu8(text):
    """UTF-8 of the UTF-16 code units, with Java's two bytes for U+0000."""
    units = text.encode("utf-16-be", "surrogatepass")
    units = "".join(chr(units[i] << 8 | units[i + 1]) for i in range(0, len(units), 2))
    return units.encode("utf-8", "surrogatepass").replace(b"\0", b"\xc0\x80")


def misread(text, codec, encode=lambda text: text.encode("utf-8")):
    return encode(text).decode(codec, errors="replace")


def wrongly_decoded():
    for text in LANGUAGES:
        for codec in CODECS:
            yield misread(text, codec)
        yield misread(misread(text, "sloppy-windows-1252"), "sloppy-windows-1252")
        yield misread(misread(text, "latin-1"), "sloppy-windows-1251")
        yield misread(text, "cp1252")
        yield misread(text, "cp1252").replace("\ufffd", "?").replace("\u00a0", " ")
        yield misread(text, "sloppy-windows-1252", cesu8)
        yield text + " \u2019 " + misread(text, "sloppy-windows-1252") + " \u65e5"
        yield text.encode("cp1252", "ignore").decode("latin-1")


def mutation(rng, sources):
    """A narration with foreign characters, decoded wrongly, cut, mixed and escaped."""
    def piece():
        text = list(rng.choice(sources))
        for _ in range(rng.choice([0, 1, 1, 2, 4])):
            other = rng.choice(LANGUAGES)
            start = rng.randrange(len(other))
            text.insert(rng.randint(0, len(text)), rng.choice(["", "", " "]) + other[start:start + rng.choice([1, 1, 2, 5, 99])])
        text = "".join(text)
        if rng.random() < 0.05:
            text += "\0"
        for _ in range(rng.choice([0, 1, 1, 1, 2, 2, 3])):
            codec = rng.choice(CODECS) if rng.random() < 0.85 else rng.choice(OTHER_CODECS)
            text = misread(text, codec, cesu8) if rng.random() < 0.07 else text.encode("utf-8").decode(codec, errors="replace")
        return text

    text = rng.choice(["", " ", "\n"]).join(piece() for _ in range(rng.choice([1, 1, 1, 2])))
    for old, new in [("\u00a0", " "), ("\ufffd", "?"), ("\u2019", "'"), ("\u2026", "...")]:
        if rng.random() < 0.15:
            text = text.replace(old, new)
    text = list(text)
    for _ in range(rng.choice([0, 0, 0, 1, 2, 5])):
        at = rng.randint(0, len(text))
        if rng.random() < 0.5:
            del text[at:at + 1]
        else:
            text.insert(at, rng.choice(rng.choice(ALPHABETS + [[chr(c) for c in range(0xA0)], list("ÂÃâ€àØÙÐВГ\u00a0 ")])))
    text = "".join(text)
    change = rng.random()
    if change < 0.04:
        text = html.escape(text)
    elif change < 0.06:
        text = text.encode("ascii", "xmlcharrefreplace").decode()
    elif change < 0.1:
        text = text.upper()
    return "".join(c for c in text if unicodedata.category(c) not in ("Cn", "Cs"))


def random_text(rng):
    if rng.random() < 0.15:  # anything that Unicode 14 knows
        pick = lambda: chr(rng.choice([rng.randrange(0x3000), rng.randrange(0x10000), rng.randrange(0x20000)]))
    else:
        alphabet = rng.choice(ALPHABETS) + (rng.choice(ALPHABETS) if rng.random() < 0.5 else [])
        pick = lambda: rng.choice(alphabet)
    text = "".join(pick() for _ in range(rng.randint(1, 40)))
    return "".join(c for c in text if unicodedata.category(c) not in ("Cn", "Cs"))


def openai_tokenizer(vocabulary):
    """open_clip's tokenizer, with the special tokens and the pattern that OpenAI's has."""
    tokenizer = SimpleTokenizer(bpe_path=vocabulary, clean="lower")
    for name, id in [("<|startoftext|>", 49406), ("<|endoftext|>", 49407)]:
        tokenizer.encoder[name] = id
        tokenizer.cache[name] = name
    for name in ["<start_of_text>", "<end_of_text>"]:
        del tokenizer.cache[name]
    tokenizer.pat = regex.compile(r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+",
                                  regex.IGNORECASE)
    return tokenizer


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("vocabulary", help="bpe_simple_vocab_16e6.txt.gz")
    parser.add_argument("--random", type=int, default=110, metavar="N")
    parser.add_argument("--mutations", type=int, default=150, metavar="N")
    parser.add_argument("--only-mutations", type=int, metavar="N")
    parser.add_argument("--narrations", nargs="*", default=[], metavar="CSV")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    tokenizer = openai_tokenizer(args.vocabulary)
    rng = random.Random(args.seed)
    written = WRITTEN.strip("\n").split("\n")
    narrations = [row["text"] for file in args.narrations for row in csv.DictReader(open(file, newline=""))]
    if args.only_mutations:
        texts = (mutation(rng, narrations or written) for _ in range(args.only_mutations))
    else:
        texts = written + CONTROLS + [random_text(rng) for _ in range(args.random)] + list(wrongly_decoded())
        texts += [mutation(rng, narrations or written) for _ in range(args.mutations)]
    left_out = 0
    for text in texts:
        if any(unicodedata.category(c) == "Cn" for c in tokenizer.clean_fn(text)):
            left_out += 1
        else:
            print(json.dumps({"text": text, "ids": tokenizer.encode(text)}))
    print(f"{left_out} texts left out: repaired, they have characters that Unicode {unicodedata.unidata_version} does not know", file=sys.stderr)


if __name__ == "__main__":
    main()
