"""Model directories for the command tests: a tiny sound one, and broken copies."""
import json
import os
import struct

SOURCE = os.environ["AM_SOURCE_DIR"]
TINY = os.path.join(SOURCE, "tests", "golden", "models", "llama-plain")
SHARDED = os.path.join(SOURCE, "tests", "golden", "models", "llama-linear")
BASE = os.path.join(SOURCE, "models", "base")
EMBED = "model.embed_tokens.weight"


def read(path):
    with open(path, "rb") as f:
        return f.read()


def split(data):
    """Header and values of safetensors bytes."""
    size = struct.unpack("<Q", data[:8])[0]
    return json.loads(data[8:8 + size]), data[8 + size:]


def join(header, values):
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + values


def write(folder, config=None, weights=None, tokenizer=None, index=None):
    """A copy of the tiny model with these bytes or keys in place of its own."""
    os.makedirs(folder)
    own = json.loads(read(os.path.join(TINY, "config.json")))
    text = config if isinstance(config, bytes) else json.dumps({**own, **(config or {})}).encode()
    files = {"config.json": text, "tokenizer.json": tokenizer, "model.safetensors.index.json": index}
    if index is None:
        files["model.safetensors"] = weights or read(os.path.join(TINY, "model.safetensors"))
    for name, data in files.items():
        if data is not None:
            with open(os.path.join(folder, name), "wb") as f:
                f.write(data)


def without(header, name):
    return {k: v for k, v in header.items() if k != name}


def with_nan(header, values, name, element):
    """The values with a NaN in an element of an F32 tensor."""
    at = header[name]["data_offsets"][0] + 4 * element
    return join(header, values[:at] + struct.pack("<f", float("nan")) + values[at + 4:])


def broken_weights(folder):
    whole = read(os.path.join(TINY, "model.safetensors"))
    header, values = split(whole)
    q = "model.layers.1.self_attn.q_proj.weight"
    write(f"{folder}/cut", weights=whole[:-100])
    write(f"{folder}/cut-header", weights=whole[:500])
    write(f"{folder}/cut-length", weights=whole[:5])
    write(f"{folder}/long-header", weights=struct.pack("<Q", 1 << 60) + whole[8:])
    write(f"{folder}/bad-header", weights=struct.pack("<Q", 12) + b'{"a": [1, 2 ' + values)
    write(f"{folder}/lies-shape", weights=join({**header, q: {**header[q], "shape": [64, 64]}}, values))
    write(f"{folder}/lies-offsets", weights=join({**header, q: {**header[q], "data_offsets": [0, 4096]}}, values))
    write(f"{folder}/missing", weights=join({"stray" if k == q else k: v for k, v in header.items()}, values))
    write(f"{folder}/misshapen", weights=join({**header, q: {**header[q], "shape": [16, 64]}}, values))
    write(f"{folder}/integers", weights=join({**header, q: {**header[q], "dtype": "I32"}}, values))
    write(f"{folder}/nan", weights=with_nan(header, values, q, 5))
    write(f"{folder}/nan-embedding", weights=with_nan(header, values, EMBED, 32 * 7 + 3))
    write(f"{folder}/nan-norm", weights=with_nan(header, values, "model.norm.weight", 0))


def broken_indices(folder):
    map_of = lambda name: json.dumps({"weight_map": {EMBED: name}}).encode()
    write(f"{folder}/shard-path", index=map_of("../sound/model.safetensors"))
    write(f"{folder}/shard-absent", index=map_of("model-00001-of-00001.safetensors"))
    write(f"{folder}/shard-index", index=b'{"weight_map": ')


def broken_configs(folder):
    cases = {
        "json": b'{"model_type": "llama",', "list": b"[]", "family": {"model_type": "mamba"}, "no-family": {"model_type": None},
        "rope": {"rope_scaling": {"rope_type": "spiral", "factor": 2.0}}, "layers": {"num_hidden_layers": 0},
        "many-layers": {"num_hidden_layers": 2000000000}, "heads": {"num_attention_heads": 5}, "kv": {"num_key_value_heads": 3},
        "hidden": {"hidden_size": -32}, "text": {"hidden_size": "32"}, "real": {"hidden_size": 32.5},
        "vocab": {"vocab_size": 2147483647}, "eps": {"rms_norm_eps": -1.0}, "theta": {"rope_theta": 0},
        "context": {"max_position_embeddings": 0}, "more-layers": {"num_hidden_layers": 3}, "act": {"hidden_act": "relu6"},
    }
    for name, config in cases.items():
        write(f"{folder}/config-{name}", config=config)


def make(folder):
    """Everything below `folder`; the tokenizer of the sound one is the embedded model's."""
    write(f"{folder}/sound")
    broken_weights(folder)
    broken_indices(folder)
    broken_configs(folder)
    tokenizer = read(os.path.join(BASE, "tokenizer.json"))
    write(f"{folder}/tokenizer-json", tokenizer=tokenizer[:1000])
    write(f"{folder}/tokenizer-model", tokenizer=b'{"model": {"type": "Unigram", "vocab": []}}')
    write(f"{folder}/tokenizer-large", tokenizer=tokenizer)
    os.makedirs(f"{folder}/empty")
