#!/usr/bin/env python3
"""Writes tokenizer/: small tokenizers of every supported kind and what the
`tokenizers` library makes of the same texts.

  make_tokenizers.py            (needs the package tokenizers; written with 0.23.3)

  tokenizer/NAME.json           a tokenizer.json
  tokenizer/NAME.cases.json     an array, one object a text:
    bytes    the text, hexadecimal; not always UTF-8
    ids      encode(bytes.decode(errors="replace"), add_special_tokens=False)
    special  the same with the post-processor's tokens
    all      decode(special, skip_special_tokens=False), hexadecimal UTF-8
    plain    decode(special, skip_special_tokens=True), likewise

The tokenizer of models/base has cases too (base.cases.json). The output is the
same on every run.
"""
import collections
import json
import os

from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models, normalizers,
                        pre_tokenizers, processors)

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, "tokenizer")
BASE = os.path.join(HERE, "..", "..", "models", "base", "tokenizer.json")

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"
          r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
DEEPSEEK = (r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+|"
            r" ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
O200K = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
         r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+"
         r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}|"
         r" ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")

CORPUS = [
    "The keeper of the lighthouse counted the waves, as the keeper before her had counted them.",
    "Don't say that we haven't been told: they'll come, I'd wait, you're late, it's 10:45 and we've 1234567 steps.",
    "DON'T SHOUT, IT'S LATE. WE'LL SEE WHAT THEY'VE GOT.",
    "for (int i = 0; i < n; i++) {\n\tsum += x[i] * y[i];\n}\n\n    return sum;\r\n",
    "Über den Wolken müssen die Träume größer sein; là-bas, l'été fut doux.",
    "Привет, мир! Это проверка. Ещё раз: привет.",
    "你好,世界。今天天气很好,我们去公园。 こんにちは、世界。カタカナとひらがな。",
    "안녕하세요 세계. مرحبا بالعالم. שלום עולם. नमस्ते दुनिया.",
    "Prices: $3.50, €4,200.00, 1/2 + ½ = 1; 2² = 4. Emoji: 😀 👍🏽 👨‍👩‍👧‍👦 🇫🇷.",
    "The the the that this then there these those. In the end, the sea and the sand and the stone.",
]

TEXTS = [
    b"", b" ", b"  ", b"a", b"\n", b"\r\n", b"\t", b"\0", b"a\0b\0\0c",
    "The keeper counted the waves.", " leading blank", "trailing blank ", "two  blanks", "three   blanks in   a row",
    " " * 17, " " * 40 + "x", "x" + " " * 40, "\n" * 9, "a\n\n\nb", "a \n b", "a\r\nb\r\n\r\nc", "\t\tindented\n\t\tmore",
    " \t \n \t ", "a  \n", "  \n  a", "end of line \r\n  next",
    "don't can't I'll you're they've I'm he'd it's", "DON'T CAN'T I'LL YOU'RE THEY'VE I'M HE'D IT'S",
    "Don'T It'S we'Ve 'twas o'clock '' ''s 's", "'\u017f \u2019s don\u2019t", "x'sy 'REally 'll'",
    "0 1 12 123 1234 12345 123456 1234567", "3.14159e-10 0x1F 1,000,000", "٠١٢٣ १२३ ① ½ ² Ⅷ 〇 ৪", "a1b22c333d4444",
    "x=1;y=22;z=333", "2024-11-24T06:40:00Z", "...!?!?... --- ___ ((()))", "#include <stdio.h>\nint main(void){return 0;}",
    "if (a && b || !c) { d ^= ~e; }", "path/to/file_name-v1.2.tar.gz", "user@example.com https://example.com/?q=1&r=2",
    "Über größer Träume ÀÉÎÕÜ çñø", "é e\u0301 \u00c5 A\u030a \u212b", "a\u0300\u0301\u0302\u0323 q\u0307\u0323 q\u0323\u0307",
    "\u0301 leading mark", "ﬁ ﬀ ﬆ Ａ１ ㍿ ℌ x²", "İstanbul ıI ΣΑΣ ß ẞ ǅ", "Привет, мир! ЕЩЁ РАЗ", "Ελληνικά ΕΛΛΗΝΙΚΆ",
    "你好,世界。今天天气很好", "你好 hello 世界123年", "こんにちは、世界。カタカナ ー 々〆", "안녕하세요 세계 \u1112\u1161\u11ab", "𠀀𠀁 𝒳𝟙 𐍈",
    "مرحبا بالعالم ١٢٣", "שלום עולם שָׁלוֹם", "नमस्ते दुनिया क्षि", "สวัสดีชาวโลก", "የኢትዮጵያ",
    "😀😃 😀 x😀y", "👍🏽 👩🏽‍🚀", "👨‍👩‍👧‍👦 👨‍👩‍👧‍👦👨‍👩‍👧‍👦", "🇫🇷🇩🇪 🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "❤️ ☂︎ 1️⃣ ©®™",
    "a\u0085b \u0085\u0085 c", "a\u180eb \u180e\u180e c", "a\u200bb \u200b\u200b c", "a\u00a0b \u00a0\u00a0 c", "a\u2028b\u2029c \u3000d\u3000\u3000e",
    "a\ufeffb \ufeff", "a\x1cb \x1c\x1f", "a\x0bb\x0cc", "\u2060\u200d\u200c x\u200dy", "\u00ad soft\u00adhyphen", "\ufffd \ufffd\ufffd",
    "\U0010ffff \ue000 \ufdd0 \uffff", "▁ ▁▁ a▁b ▁the", "Ġ Ċ ĠtheĠ Ā", "<0x41> <0x0A> <0xE4><0xBD><0xA0>", "##a a##b </w> a</w>",
    "the-final--word -- - ,a,,b, $x$$y$ !!a!! 12ab34", "TheTheThe CamelCaseWord XMLHttpRequest iPhone",
    b"\xff", b"abc\xffdef", b"\xc3", b"\xc3(", b"\xe4\xbd", b"\xe4\xbd\xa0\xe4\xbd", b"\xf0\x9f\x98", b"\xf0\x9f\x98\x80\xf0\x9f",
    b"\xed\xa0\x80", b"\xc0\xaf \xe0\x80\xaf \xf0\x80\x80\xaf", b"\xf4\x90\x80\x80 \xf8\x88\x80\x80\x80", b"\x80\x81 a\xbf\xbf", b"caf\xe9 \xe0\xa4",
    b"\xf1\x80\x80 \xf1\x80\x80\x80 \xe1\x80\xe2", b"\xfe\xfe\xff\xff",
    "supercalifragilisticexpialidocious supercali", "waves\nwaves waves", "the" * 50, "ab" * 60, "a" * 130, "你" * 40, "\u0301" * 20, "'" * 30,
    "<|bos|>", "<|bos|>a<|eos|>", "a <|bos|> b", "  <|bos|>  b", "<|bos|><|bos|>", "<|bo<|bos|>s|>", "<|eos|", "<|BOS|>",
    "<s>", "</s>", "a<s>b</s>c", " <s> a </s> ", "<s></s><unk>", "<unk> a <unk>", "<pad>", "[MASK]", "a [MASK] b[MASK]c", "  [MASK]  ",
    "xxWORDxx WORD xWORD WORDx WORD, \u0301WORD (WORD) WORD_ WORD\u200d", "left<L> <L>  <L>\n<L>", "<R>right <R>  x<R>\n<R> ", " <B> <B>  <B>",
    "abab abc abcd abcde ab", "New Token new token NEW TOKEN", "caf\u00e9 token cafe\u0301 token", "tok tokens tokenx <tok> <token>",
    "<|im_start|>user\nHi there<|im_end|>\n<|im_start|>assistant\n", "<|start|>x<|end|>",
]


def raw(text):
    return text if isinstance(text, bytes) else text.encode()


def pieces_of(tok, text):
    if tok.normalizer:
        text = tok.normalizer.normalize_str(text)
    if not tok.pre_tokenizer:
        return [text]
    return [piece for piece, _ in tok.pre_tokenizer.pre_tokenize_str(text)]


def learn(tok, size, first, alphabet_limit):
    """Vocabulary and merges from CORPUS. The library's own trainer gives another
    result on every run; here ties go to the smaller pair."""
    model = json.loads(tok.to_str())["model"]
    prefix, suffix = model["continuing_subword_prefix"] or "", model["end_of_word_suffix"] or ""
    words = collections.Counter()
    for line in CORPUS:
        for piece in pieces_of(tok, line):
            symbols = [(prefix if i else "") + c for i, c in enumerate(piece)]
            symbols[-1] += suffix
            words[tuple(symbols)] += 1
    count = collections.Counter()
    for word, n in words.items():
        for symbol in word:
            count[symbol] += n
    alphabet = sorted(count, key=lambda c: (-count[c], c))[:alphabet_limit]
    vocab = {t: i for i, t in enumerate(dict.fromkeys(list(first) + sorted(alphabet)))}
    merges = []
    while len(vocab) < size:
        pairs = collections.Counter()
        for word, n in words.items():
            for a, b in zip(word, word[1:]):
                if a in vocab and b in vocab:
                    pairs[a, b] += n
        if not pairs:
            break
        a, b = min(pairs, key=lambda p: (-pairs[p], p))
        joined = a + b[len(prefix):]
        merges.append((a, b))
        vocab.setdefault(joined, len(vocab))
        words = collections.Counter({merge_pair(word, a, b, joined): n for word, n in words.items()})
    return vocab, merges


def merge_pair(word, a, b, joined):
    out = []
    for symbol in word:
        if out and out[-1] == a and symbol == b:
            out[-1] = joined
        else:
            out.append(symbol)
    return tuple(out)


def trained(tok, size, first=(), alphabet=10000, **model):
    """`tok` with a model of `size` tokens, `first` of them given."""
    tok.model = models.BPE(**model)
    vocab, merges = learn(tok, size, first, alphabet)
    tok.model = models.BPE(vocab=vocab, merges=merges, **model)
    return tok


def bytes_with(pre, normalizer=None, words=(), **model):
    """Byte-level, `words` in the vocabulary though no merge leads to them."""
    tok = Tokenizer(models.BPE())
    if pre:
        tok.pre_tokenizer = pre
    if normalizer:
        tok.normalizer = normalizer
    trained(tok, 380, sorted(pre_tokenizers.ByteLevel.alphabet()) + list(words), **model)
    tok.decoder = decoders.ByteLevel()
    return tok


def special(*names):
    return [AddedToken(n, special=True, normalized=False) for n in names]


def bos(tok, first, last=None):
    single = f"{first} $A" + (f" {last}" if last else "")
    return processors.TemplateProcessing(single=single, pair=single + " $B:1", special_tokens=[
        (n, tok.token_to_id(n)) for n in (first, last) if n])


def gpt2():
    tok = bytes_with(pre_tokenizers.ByteLevel(add_prefix_space=False))
    tok.add_special_tokens(special("<|bos|>", "<|eos|>"))
    tok.post_processor = processors.ByteLevel(trim_offsets=False)
    return tok


def gpt2_prefix():
    """A blank before every piece, and added tokens of every kind."""
    tok = bytes_with(pre_tokenizers.ByteLevel(add_prefix_space=True))
    tok.add_special_tokens(special("<s>", "</s>", "<unk>") + [
        AddedToken("[MASK]", special=True, normalized=False, lstrip=True),
        AddedToken("<|bos|>", special=True, normalized=False, lstrip=True, rstrip=True)])
    tok.add_tokens([AddedToken("WORD", single_word=True, normalized=False),
                    AddedToken("<L>", lstrip=True), AddedToken("<R>", rstrip=True),
                    AddedToken("<B>", lstrip=True, rstrip=True, normalized=False),
                    AddedToken("ab"), AddedToken("abcd"), AddedToken("abc", normalized=False),
                    AddedToken("New Token"), AddedToken("  b", normalized=False)])
    tok.post_processor = bos(tok, "<s>", "</s>")
    return tok


def llama3():
    tok = bytes_with(pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(LLAMA3), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]), ignore_merges=True, words=["Ġsupercali", "waves"])
    tok.add_special_tokens(special("<|bos|>", "<|eos|>", "<|start|>", "<|end|>"))
    tok.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), bos(tok, "<|bos|>")])
    return tok


def qwen2():
    tok = bytes_with(pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(QWEN2), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]), normalizer=normalizers.NFC())
    tok.add_special_tokens(special("<|im_start|>", "<|im_end|>"))
    tok.add_tokens([AddedToken("caf\u00e9 token", normalized=True), AddedToken("<tok>", normalized=False)])
    tok.post_processor = processors.ByteLevel(trim_offsets=False)
    return tok


def smollm():
    tok = bytes_with(pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]))
    tok.add_special_tokens(special("<|im_start|>", "<|im_end|>", "<|bos|>"))
    return tok


def deepseek():
    tok = bytes_with(pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(r"\p{N}{1,3}"), "isolated"),
        pre_tokenizers.Split(Regex("[一-龥\u3040-ゟ゠-ヿ]+"), "isolated"),
        pre_tokenizers.Split(Regex(DEEPSEEK), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]))
    tok.add_special_tokens(special("<|bos|>", "<|eos|>"))
    tok.post_processor = bos(tok, "<|bos|>")
    return tok


def o200k():
    return bytes_with(pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(O200K), "removed", invert=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]))


def byte_tokens(n):
    return [f"<0x{b:02X}>" for b in range(n)]


def sentencepiece(pre=None, normalizer=None):
    """<unk>, <s>, </s>, the 256 byte tokens, then characters and merges."""
    tok = Tokenizer(models.BPE())
    if normalizer:
        tok.normalizer = normalizer
    if pre:
        tok.pre_tokenizer = pre
    trained(tok, 460, ["<unk>", "<s>", "</s>"] + byte_tokens(256), alphabet=64,
            unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    tok.add_special_tokens(special("<unk>", "<s>", "</s>"))
    tok.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
                                     decoders.Strip(" ", 1, 0)])
    return tok


def llama2():
    tok = sentencepiece(normalizer=normalizers.Sequence([
        normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]))
    tok.post_processor = bos(tok, "<s>")
    tok.add_tokens([AddedToken("New Token"), AddedToken("<tok>", normalized=True)])
    return tok


def mistral():
    tok = sentencepiece(pre=pre_tokenizers.Metaspace(prepend_scheme="first", split=False))
    tok.post_processor = bos(tok, "<s>", "</s>")
    return tok


def metaspace_unk(fuse):
    """Words, no byte fallback: what the vocabulary lacks is <unk>."""
    tok = Tokenizer(models.BPE())
    tok.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Strip(left=True, right=False)])
    tok.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first" if fuse else "always", split=True)
    trained(tok, 220, ["<unk>", "<s>", "</s>", "<pad>"], alphabet=60, unk_token="<unk>", fuse_unk=fuse)
    tok.add_special_tokens(special("<unk>", "<s>", "</s>", "<pad>"))
    tok.decoder = decoders.Metaspace(prepend_scheme="first" if fuse else "never", split=True)
    return tok


def part_bytes():
    """Byte tokens for ASCII only: other characters are unknown."""
    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never", split=False)
    trained(tok, 300, ["<unk>"] + byte_tokens(128), alphabet=30, unk_token="<unk>", fuse_unk=True,
            byte_fallback=True)
    tok.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(prepend_scheme="never")])
    return tok


def splits():
    """Every behaviour of Split, on strings and expressions."""
    return bytes_with(pre_tokenizers.Sequence([
        pre_tokenizers.Split("-", "removed"),
        pre_tokenizers.Split(",", "merged_with_previous"),
        pre_tokenizers.Split("$", "merged_with_next"),
        pre_tokenizers.Split("!", "contiguous"),
        pre_tokenizers.Split(Regex("[0-9]+"), "isolated", invert=True),
        pre_tokenizers.Split(Regex(r"\w+"), "merged_with_next", invert=True),
        pre_tokenizers.Split(Regex(r"(?<=the)x*|\p{Han}|^\s|\.$|\bst"), "isolated"),
        pre_tokenizers.Digits(individual_digits=False),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]))


def word_pieces():
    """Marks inside and at the end of words; the older pre-tokenisers."""
    tok = Tokenizer(models.BPE())
    tok.normalizer = normalizers.Sequence([normalizers.NFKD(), normalizers.Lowercase(),
                                           normalizers.Replace(Regex(r"\p{Mn}+"), "")])
    tok.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation(), pre_tokenizers.CharDelimiterSplit("q"),
        pre_tokenizers.Whitespace()])
    trained(tok, 400, ["<unk>"], alphabet=100, unk_token="<unk>", continuing_subword_prefix="##",
            end_of_word_suffix="</w>")
    tok.add_special_tokens(special("<unk>"))
    tok.add_tokens([AddedToken("New Token")])
    tok.decoder = decoders.BPEDecoder("</w>")
    return tok


def no_components():
    """A model alone: characters and merges, unknown characters dropped."""
    return trained(Tokenizer(models.BPE()), 200, alphabet=60)


def byte_normalizer():
    tok = bytes_with(None, normalizers.Sequence([normalizers.NFD(), normalizers.ByteLevel()]))
    tok.add_tokens([AddedToken("caf\u00e9 token", normalized=True)])
    return tok


KINDS = {
    "gpt2": gpt2, "gpt2-prefix": gpt2_prefix, "llama3": llama3, "qwen2": qwen2, "smollm": smollm,
    "deepseek": deepseek, "o200k": o200k, "llama2": llama2, "mistral": mistral,
    "metaspace-fused": lambda: metaspace_unk(True), "metaspace-unk": lambda: metaspace_unk(False),
    "part-bytes": part_bytes, "splits": splits, "word-pieces": word_pieces,
    "no-components": no_components, "byte-normalizer": byte_normalizer,
}
# Files of this kind are written with merges as "left right".
STRING_MERGES = {"gpt2", "llama2", "smollm"}


def case(tok, data):
    text = data.decode("utf-8", errors="replace")
    ids = tok.encode(text, add_special_tokens=False).ids
    with_special = tok.encode(text).ids
    return {"bytes": data.hex(), "ids": ids, "special": with_special,
            "all": tok.decode(with_special, skip_special_tokens=False).encode().hex(),
            "plain": tok.decode(with_special).encode().hex()}


def write_cases(name, tok, texts):
    with open(os.path.join(OUT, name + ".cases.json"), "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(case(tok, t), separators=(",", ":")) for t in texts) + "\n]\n")


def build(name):
    """The tokenizer.json of a kind, as text."""
    data = json.loads(KINDS[name]().to_str())
    if name in STRING_MERGES:
        data["model"]["merges"] = [" ".join(m) for m in data["model"]["merges"]]
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def main():
    os.makedirs(OUT, exist_ok=True)
    texts = [raw(t) for t in TEXTS]
    for name in KINDS:
        text = build(name)
        with open(os.path.join(OUT, name + ".json"), "w", encoding="utf-8") as f:
            f.write(text + "\n")
        write_cases(name, Tokenizer.from_str(text), texts)
    write_cases("base", Tokenizer.from_file(BASE), texts + [raw("\n".join(CORPUS) * 3)])


if __name__ == "__main__":
    main()
