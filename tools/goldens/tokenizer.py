#!/usr/bin/env python3
"""Token ids of varied texts by open_clip's SimpleTokenizer, for TokenizerTest.

    python tools/goldens/tokenizer.py bpe_simple_vocab_16e6.txt.gz > src/test/resources/goldens/tokens.jsonl

Needs open_clip_torch, ftfy, regex. The texts are ours: hand-written ones, and random ones from a fixed seed. Texts that ftfy takes
for wrongly decoded (its fix_encoding) are left out, since TextCleaner does not repair those. clean="lower" is what OpenAI's
tokenizer does. A line: {"text": ..., "ids": [...]} without start and end token. `--random N` prints N more random texts.
"""
import argparse
import json
import random
import sys
import unicodedata

import ftfy
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


def random_text(rng):
    if rng.random() < 0.15:  # anything that Unicode 14 knows
        pick = lambda: chr(rng.choice([rng.randrange(0x3000), rng.randrange(0x10000), rng.randrange(0x20000)]))
    else:
        alphabet = rng.choice(ALPHABETS) + (rng.choice(ALPHABETS) if rng.random() < 0.5 else [])
        pick = lambda: rng.choice(alphabet)
    text = "".join(pick() for _ in range(rng.randint(1, 40)))
    return "".join(c for c in text if unicodedata.category(c) not in ("Cn", "Cs"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("vocabulary", help="bpe_simple_vocab_16e6.txt.gz")
    parser.add_argument("--random", type=int, default=110, metavar="N")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    tokenizer = SimpleTokenizer(bpe_path=args.vocabulary, clean="lower")
    rng = random.Random(args.seed)
    texts = WRITTEN.strip("\n").split("\n") + CONTROLS + [random_text(rng) for _ in range(args.random)]
    left_out = 0
    for text in texts:
        if ftfy.fix_text(text) != ftfy.fix_text(text, fix_encoding=False):
            left_out += 1
            continue
        print(json.dumps({"text": text, "ids": tokenizer.encode(text)}))
    print(f"{len(texts) - left_out} texts, {left_out} left out (ftfy would decode them anew)", file=sys.stderr)


if __name__ == "__main__":
    main()
