"""make_seeds.py: writes seeds/NAME/*.bin, where the fuzz targets start from, and words/NAME.dict. Everything is made here or taken from tests/golden,
whose files are of this project; a second run gives the same bytes."""
import base64
import glob
import gzip
import json
import math
import os
import re
import struct

HERE = os.path.dirname(os.path.abspath(__file__))
GOLDEN = os.path.join(HERE, "..", "golden")


def put(target, name, data):
    folder = os.path.join(HERE, "seeds", target)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name + ".bin"), "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode())


def golden(pattern):
    for path in sorted(glob.glob(os.path.join(GOLDEN, pattern))):
        with open(path, "rb") as f:
            yield os.path.splitext(os.path.relpath(path, GOLDEN))[0].replace("/", "-"), f.read()


def safetensors(tensors, metadata=None, pad=0):
    """tensors: {name: (dtype, shape, bytes)}."""
    header, data = {"__metadata__": metadata} if metadata else {}, b""
    for name, (dtype, shape, x) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(x)]}
        data += x
    text = json.dumps(header).encode() + b" " * pad
    return struct.pack("<Q", len(text)) + text + data


def f32(*x):
    return struct.pack(f"<{len(x)}f", *x)


def make_safetensors():
    put("safetensors", "types", safetensors({"a": ("F32", [2, 1], f32(1, 2)), "b": ("BF16", [2], bytes(4)), "c": ("U8", [], b"x"),
                                             "d": ("F64", [1, 1, 1], bytes(8)), "e": ("F16", [0, 7], b"")}))
    put("safetensors", "metadata", safetensors({"w": ("I64", [1], bytes(8))}, {"format": "pt", "": "empty"}, 7))
    put("safetensors", "none", safetensors({}))
    put("safetensors", "packed", safetensors({"w": ("F4", [2], b"x")}))
    index = {"metadata": {"total_size": 8}, "weight_map": {"x": "a.safetensors", "y": "b.safetensors"}}
    put("shards", "two", json.dumps(index))
    put("shards", "elsewhere", json.dumps({"weight_map": {"x": "../a.safetensors", "y": "none.safetensors"}}))


def make_config():
    with open(os.path.join(GOLDEN, "configs.json"), encoding="utf-8") as f:
        configs = json.load(f)
    entries = configs["cases"] if isinstance(configs, dict) else configs
    for i, entry in enumerate(entries):
        put("config", f"golden-{i}", json.dumps(entry.get("config", entry)))
    for name, data in golden("models/*/config.json"):
        put("config", name, data)


def make_tokenizer():
    for name, data in golden("tokenizer/*.json"):
        if name.endswith(".cases"):
            continue
        # A short vocabulary of the same components: each try parses it whole.
        root = json.loads(data)
        vocab = dict(list(root["model"]["vocab"].items())[:24])
        root["model"]["vocab"] = vocab
        merges = [m if isinstance(m, list) else m.split(" ") for m in root["model"]["merges"]]
        kept = [m for m in merges if m[0] in vocab and m[1] in vocab and m[0] + m[1] in vocab]
        root["model"]["merges"] = kept if name.endswith("llama3") else [" ".join(m) for m in kept]
        put("tokenizer", name, json.dumps(root, ensure_ascii=False))
        for part in ("pre_tokenizer", "normalizer"):
            for pattern in patterns(root.get(part)):
                put("pattern", f"{name}-{len(pattern)}", pattern.encode() + "\0Hello, w\u00f6rld's 123\n\n  it'LL \u4e2d\u6587".encode())
    small = {"version": "1.0", "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}}
    put("tokenizer", "small", json.dumps(small))
    texts = ["Hello, world!", "  \t\n a'll 1234567", "\u00e4\u0301\u4e2d\u6587 \U0001f600 <s>[INST] <|endoftext|>", "\xff\xfe\x00".encode("latin-1")]
    for i, text in enumerate(texts):
        for which in range(8):
            if which == i or i == 2:
                put("encode", f"text-{i}-{which}", bytes([which]) + (text if isinstance(text, bytes) else text.encode()))


def patterns(x):
    if isinstance(x, dict):
        if isinstance(x.get("Regex"), str):
            yield x["Regex"]
        for v in x.values():
            yield from patterns(v)
    elif isinstance(x, list):
        for v in x:
            yield from patterns(v)


def make_tasks():
    for name, data in list(golden("tasks/*.jsonl")) + list(golden("tasks/*/*.jsonl")) + list(golden("tasks/*.json")):
        put("tasks", name, b"\x00" + data)
        put("tasks", name + "-packed", b"\x10" + data)
    for name, data in golden("tasks/*.gz"):
        put("tasks", name + "-gzip", b"\x00" + data)
    own = json.dumps({"input": "a b", "outputs": ["c"], "answer_prefix": "d", "answer": "c", "index": 3, "length": 9, "task": "qa"})
    put("tasks", "own", b"\x01" + own.encode())
    put("tasks", "template", b"\x20Read $DOC$ and $Q$.\0" + json.dumps(
        {"context": "{}", "question": "a", "answer": "b", "num_kvs": 2}).encode())
    two = gzip.compress(own.encode() + b"\n", mtime=0) + gzip.compress(own.encode(), mtime=0)
    put("tasks", "members", b"\x01" + two)
    outputs = ["The answer: yes\0yes\0no", "Answer: x\ny\0X!\0the x", "[ID: 3] > ID2 > 1\0" + "3\0" + "1\0", "The correct answer is (B)\0B"]
    for metric in range(9):
        for i, text in enumerate(outputs):
            put("score", f"{metric}-{i}", bytes([metric]) + text.encode())


def npy(shape, values, descr="<i4"):
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + struct.pack(f"<{len(values)}i", *values)


def make_indices():
    shape, values = (2, 2, 2), [0, -1, 0, -1, 1, 0, -1, 1]
    array = npy(shape, values)
    bare = base64.b64encode(struct.pack("<8i", *values)).decode()
    given = bytes([2, 2, 0])
    put("indices", "npy", bytes(3) + array)
    put("indices", "text", bytes(3) + base64.b64encode(array))
    put("indices", "choices", bytes(3) + json.dumps({"choices": [{"indexer_topk": base64.b64encode(array).decode()}]}).encode())
    put("indices", "meta", given + json.dumps(
        {"meta_info": {"indexer_topk": bare, "prompt_tokens": 2, "completion_tokens": 1}}).encode())
    put("indices", "list", given + json.dumps([{"meta_info": {"indexer_topk": bare}}] * 2).encode())
    put("indices", "bare", given + bare.encode())


def make_indexer():
    heads, dim, inputs = 2, 4, 3
    metadata = {"format": "attnmeter-indexer", "format_version": "1", "layers": "2", "full_layers": "0", "q_inputs": "3", "k_inputs": "3",
                "heads": "2", "head_dim": "4", "rope_dims": "2", "rope_position": "first", "rope_layout": "half", "rope_theta": "model",
                "hadamard": "off", "relu": "on", "head_weights": "on", "per_group": "off", "k_norm": "layer", "eps": "1e-6",
                "scale": "default"}
    own = {"rope_theta": "10000", "rope_type": "yarn", "rope_factor": "4", "rope_original_positions": "64", "precision": "fp8",
           "fp8_scale": "plain", "activations": "bf16", "hadamard": "on"}
    tensors = {"wq.weight": [heads * dim, inputs], "wk.weight": [dim, inputs], "weights_proj.weight": [heads, inputs],
               "k_norm.weight": [dim], "k_norm.bias": [dim]}
    for name, more in (("own", {}), ("yarn", own)):
        put("indexer", name, b"\x00" + safetensors(
            {f"layers.0.{k}": ("F32", shape, f32(*[0.5] * math.prod(shape))) for k, shape in tensors.items()}, metadata | more))
    for folder in ("deepseek", "glm", "deepseek-yarn"):
        with open(os.path.join(GOLDEN, "indexer", folder, "config.json"), "rb") as f:
            config = f.read()
        with open(os.path.join(GOLDEN, "indexer", folder, "model.safetensors"), "rb") as f:
            model = f.read()
        length = struct.unpack("<Q", model[:8])[0]
        header = json.loads(model[8:8 + length])
        kept = {k: (v["dtype"], v["shape"], model[8 + length + v["data_offsets"][0]:8 + length + v["data_offsets"][1]])
                for k, v in header.items() if k != "__metadata__" and "indexer" in k and ".0." in k}
        put("indexer", folder, b"\x01" + config + b"\0" + safetensors(kept))


def make_texts():
    specs = ["dense", "topk:64", "topk:1%", "exact,k=64", "exact-group,ratio=1%", "exact-sum,k=2,sink=4,recent=8", "exact-max,k=1",
             "random,k=4,seed=7", "precision:0.5,k=8", "topp:0.9", "recent:4+64", "quest:16,k=64", "loki:4,k=8", "doublesparse:4,k=8",
             "snapkv:8,k=16", "blockmean:8,k=16", "indexer:none,k=4", "indices:none,layers=0-1,start=3,width=8,k=4"]
    for i, spec in enumerate(specs):
        put("spec", str(i), spec)
    values = ["1", "0x10", "0.5", "text", "a,b", "all", "last:64", "1,16,64", "0,4-7", "0.5,0.9", "1%,5%", "all"]
    for i, value in enumerate(values):
        put("options", str(i), bytes([i]) + value.encode())
    for how in range(8):
        put("tokens", str(how), bytes([how]) + b"1 2 3\r\n\n" + b" ".join(str(i).encode() for i in range(40 if how & 2 else 16)) + b"\n")
    put("tokens", "bad", b"\x00-1 99999999999999999999 x\n")


def make_edits():
    """One edit of each kind, for objects all over the file (h5_edit.c)."""
    for target in ("run", "capture"):
        put(target, "unchanged", b"")
        for what in range(10):
            for thing in range(0, 64, 9):
                table = bytes([0, 9, 26, 19, 15][(what + thing) % 5:][:1]) if target == "run" else b""
                put(target, f"edit-{what}-{thing}", table + bytes([what, thing, thing + 1, 1, 2, 3, 0, 4, 0xFF, 0xFF, 0x7F, 0x7F]))


def make_words():
    """Dictionaries: the words that the readers' sources compare with."""
    os.makedirs(os.path.join(HERE, "words"), exist_ok=True)
    sources = {"config": "lib/model/config*.c", "tokenizer": "lib/model/*tok*.c lib/model/bpe*.c lib/model/normalize.c lib/model/postprocess.c",
               "tasks": "lib/task/read_*.c lib/task/formats.c", "spec": "lib/select/*.c", "indexer": "lib/select/indexer_*.c",
               "safetensors": "lib/store/safetensors.c lib/store/dtype.c", "indices": "lib/store/index_dump.c"}
    for target, patterns in sources.items():
        words = set()
        for path in (p for pattern in patterns.split() for p in glob.glob(os.path.join(HERE, "..", "..", pattern))):
            with open(path, encoding="utf-8") as f:
                words |= set(re.findall(r'"([A-Za-z][A-Za-z0-9_.-]{1,39})"', f.read()))
        with open(os.path.join(HERE, "words", target + ".dict"), "w", encoding="utf-8") as f:
            f.writelines(f'"{w}"\n' for w in sorted(words))


for make in (make_safetensors, make_config, make_tokenizer, make_tasks, make_indices, make_indexer, make_texts, make_edits,
             make_words):
    make()
