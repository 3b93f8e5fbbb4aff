"""The capture module on models of transformers: what it records, replayed, against `run`, against
the model's own attention weights and against softmax in float64."""
import os
import sys

SOURCE = os.environ["AM_SOURCE_DIR"]
PYTHON = os.path.join(SOURCE, "build", "venv-torch", "bin", "python")
if sys.executable != PYTHON:
    if not os.path.exists(PYTHON):
        print("skipped: there is no build/venv-torch; `./check --torch` makes it")
        sys.exit(77)
    os.execv(PYTHON, [PYTHON, *sys.argv])

os.environ["HF_HUB_OFFLINE"] = "1"
sys.path[:0] = [os.path.join(SOURCE, "tests", "flow"), os.path.join(SOURCE, "notebooks-export", "python")]
import h5py  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402

import captures  # noqa: E402
from attnmeter.capture import capture  # noqa: E402
from runs import BASE, attnmeter, datasets, folder  # noqa: E402

DIR = folder("torch")
torch.set_num_threads(1)
torch.manual_seed(3)


def near(got, want, tolerance, what):
    off = np.abs(np.asarray(got, float) - np.asarray(want, float))
    assert np.all(off <= tolerance), (what, off.max())


def replay(path, *options):
    out = path[:-3] + ".run.h5"
    attnmeter("replay", path, *options, "-o", out, "--force")
    attnmeter("show", "--check", out)
    return datasets(out)


def check_embedded():
    """Statistics of the embedded model: recorded under transformers and replayed, or run here."""
    model = transformers.AutoModelForCausalLM.from_pretrained(BASE, dtype=torch.float32, attn_implementation="sdpa").eval()
    sequences = [torch.randint(5, model.config.vocab_size, (n,)) for n in (211, 64, 3)]
    ids, path = os.path.join(DIR, "ids.txt"), os.path.join(DIR, "base.h5")
    with open(ids, "w") as f:
        f.write("".join(" ".join(map(str, s.tolist())) + "\n" for s in sequences))
    for rows in ("all", "last:20"):
        with torch.no_grad(), capture(model, path, layers=[0, 3, 5], rows=rows) as recorder:
            for s in sequences:
                model(input_ids=s[None])
        assert recorder.sequences == 3 and model.config._attn_implementation == "sdpa"
        again = replay(path, "--output-error", "--layers", "0,3,5")
        run = os.path.join(DIR, "base.run-here.h5")
        attnmeter("run", "--tokens", ids, "--output-error", "--layers", "0,3,5", "--rows", rows, "-o", run, "--force")
        want = datasets(run)
        for name, x in want.items():
            if name in ("sequence_name", "sequence_task"):
                continue
            if name == "stat/k_at_mass":
                assert (np.abs(again[name] - x) <= 1).all() and (again[name] != x).mean() < 0.01
            elif x.dtype.kind == "f":
                assert (np.isnan(x) == np.isnan(again[name])).all(), name
                near(np.nan_to_num(again[name]), np.nan_to_num(x), 1e-4 * (1 + np.abs(np.nan_to_num(x))), (rows, name))
            else:
                assert again[name].tolist() == x.tolist(), name
        os.unlink(path)


SMALL = dict(vocab_size=97, hidden_size=48, intermediate_size=64, num_hidden_layers=4, num_attention_heads=6,
             num_key_value_heads=2, max_position_embeddings=256, pad_token_id=0)


def tiny(kind):
    """A random model of a family; attention wide enough for its caps and windows to matter."""
    t = transformers
    config = {
        "gemma2": lambda: t.Gemma2Config(**SMALL, head_dim=16, sliding_window=9, attn_logit_softcapping=1.5,
                                         query_pre_attn_scalar=3, layer_types=["sliding_attention", "full_attention"] * 2),
        "mistral": lambda: t.MistralConfig(**SMALL, head_dim=8, sliding_window=7),
        "qwen3": lambda: t.Qwen3Config(**SMALL, head_dim=20),
        "gpt_oss": lambda: t.GptOssConfig(**SMALL, head_dim=8, sliding_window=11, num_local_experts=2, num_experts_per_tok=1,
                                          layer_types=["sliding_attention", "full_attention"] * 2),
    }[kind]()
    config._attn_implementation = "eager"
    model = t.AutoModelForCausalLM.from_config(config).eval().float()
    with torch.no_grad():
        for name, p in model.named_parameters():
            if "q_proj" in name or "k_proj" in name:
                p.mul_(12)
            if name.endswith("sinks"):
                p.copy_(torch.linspace(-1, 2, len(p)))
    return model


def check_against_model(kind):
    model, path = tiny(kind), os.path.join(DIR, kind + ".h5")
    ids = torch.randint(1, 97, (2, 37))
    with torch.no_grad(), capture(model, path):
        weights = model(input_ids=ids, output_attentions=True).attentions
    run = replay(path, "--dist", "full", "-k", "4", "--output-error")
    assert (run["token_id"] == ids.numpy().reshape(-1)).all() and np.isfinite(run["sequence_nll"]).all()
    with h5py.File(path) as f:
        layers = {int(i): dict(g.attrs) | ({"sink": g["sink_logit"][()].astype(float)} if "sink_logit" in g else {})
                  for i, g in f["layers"].items()}
    caps, windows = ({layer[x] for layer in layers.values()} for x in ("soft_cap", "window"))
    assert caps == ({1.5} if kind == "gemma2" else {0})
    assert windows == {"gemma2": {9, 0}, "gpt_oss": {11, 0}, "mistral": {7}, "qwen3": {0}}[kind], windows
    assert all(("sink" in layer) == (kind == "gpt_oss") for layer in layers.values())
    for layer, spec in layers.items():
        offset, prob = run[f"dist/{layer}/offset"], run[f"dist/{layer}/prob"]
        for b in range(2):
            x = captures.tensors(path, b, layer)
            rows = captures.scores(x["q"], x["k"], range(37), spec["scale"], spec["soft_cap"], spec["window"])
            for r, (first, s) in enumerate(rows):
                at = b * 37 + r
                e = np.exp(s - s.max(1, keepdims=True))
                p = e / e.sum(1, keepdims=True)
                near(prob[:, offset[at]:offset[at + 1]], p, 2e-6, (kind, layer, b, r, "float64"))
                own = weights[layer][b, :, r].double().numpy()
                left = 1 - run["stat/deficit"][layer, :, at][:, None] if "sink" in spec else 1
                near(p * left, own[:, first:r + 1], 2e-5, (kind, layer, b, r, "model"))
                near(own[:, :first], 0, 0, (kind, layer, b, r, "window"))


def sparse_model(kind):
    """A random model with an indexer that keeps 8 keys; the last layer of one kind has none of its own."""
    small = dict(SMALL, num_key_value_heads=6, q_lora_rank=24, kv_lora_rank=16, qk_nope_head_dim=10, qk_rope_head_dim=6,
                 v_head_dim=12, index_topk=8, index_head_dim=16, index_n_heads=4, n_routed_experts=4, n_group=1, topk_group=1,
                 num_experts_per_tok=2, moe_intermediate_size=16, first_k_dense_replace=1)
    if kind == "deepseek_v32":
        config = transformers.DeepseekV32Config(**small)
    else:
        config = transformers.GlmMoeDsaConfig(**small, indexer_types=["full", "full", "shared", "shared"])
    config._attn_implementation = "sdpa" if kind == "deepseek_v32" else "eager"
    model = transformers.AutoModelForCausalLM.from_config(config).eval().float()
    with torch.no_grad():
        for name, p in model.named_parameters():
            if "indexer.w" in name or "q_b_proj" in name or "kv_a_proj" in name:
                p.mul_(12)
    return model


def registry():
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
    return dict(ALL_ATTENTION_FUNCTIONS.items())


def check_indexer(kind, dtype=torch.float32):
    """The sets of `--shadow indexer` over a capture are those that the model itself kept."""
    model, path = sparse_model(kind).to(dtype), os.path.join(DIR, f"{kind}-{str(dtype)[6:]}.h5")
    indexers = {m.layer_idx: m for m in model.modules() if type(m).__name__.endswith("Indexer")}
    assert sorted(indexers) == ([0, 1, 2, 3] if kind == "deepseek_v32" else [0, 1])
    kept, before, ids = {}, registry(), torch.randint(1, 97, (2, 41))
    mask = torch.ones(2, 41, dtype=torch.int64)
    mask[1, :9] = 0
    handles = [m.register_forward_hook(lambda m, a, out: kept.setdefault(m.layer_idx, []).append(out)) for m in indexers.values()]
    with torch.no_grad():
        plain = model(input_ids=ids, attention_mask=mask).logits
        kept.clear()
        with capture(model, path, layers=[1, 2, 3], rows="every:2"):
            logits = model(input_ids=ids, attention_mask=mask).logits
            cache = transformers.DynamicCache(config=model.config)
            for a, b in ((0, 20), (20, 21), (21, 41)):
                model(input_ids=ids[:1, a:b], past_key_values=cache)
    for handle in handles:
        handle.remove()
    assert torch.equal(plain, logits), "recording changed the model"
    assert registry() == before and not any("forward" in vars(m) for m in indexers.values())
    run = replay(path, "--shadow", "indexer,store=index", "-k", "8", "--ratio", "50%")
    sets, n_rows = run["selector/s0/index"], []
    for b in range(3):
        with h5py.File(path) as f:
            rows = f[f"sequences/{b}/row_position"][()]
        for at, layer in enumerate((1, 2, 3)):
            x = captures.tensors(path, b, layer)
            assert x["index_q"].shape == (len(rows), 4, 16) and x["index_k"].shape == (rows[-1] + 1 + (b == 1), 16), b
            own = kept[layer if layer in indexers else 1]
            for i, row in enumerate(rows):
                if b < 2:
                    pad = 9 * b
                    model_set = own[0][b, row + pad].numpy() - pad
                else:
                    chunk = 1 if row < 20 else 2 if row < 21 else 3
                    model_set = own[chunk][0, row - (0, 20, 21)[chunk - 1]].numpy()
                score = (np.maximum(np.einsum("hd,jd->hj", x["index_q"][i], x["index_k"][:row + 1]), 0)
                         * x["index_w"][i][:, None]).sum(0)
                ours = sets[at, sum(n_rows) + i]
                ours, model_set = set(ours[ours >= 0].tolist()), set(model_set[(model_set >= 0) & (model_set <= row)].tolist())
                assert len(ours) == min(8, row + 1) == len(model_set), (kind, layer, b, row)
                border = np.sort(score)[-len(ours)]
                for j in ours ^ model_set:  # equal but for rounding
                    assert abs(score[j] - border) <= 1e-5 * np.abs(score).max(), (kind, layer, b, row, j)
        n_rows.append(len(rows))
    recall = run["selector/s0/sum/recall_at_k"]
    assert recall.shape[0] == 3 and np.isfinite(recall).all() and recall.min() < 1


def check_cache_and_padding():
    """Chunks over a cache, and padded batches, give what whole sequences alone give."""
    model, ids = tiny("qwen3"), torch.randint(1, 97, (1, 30))
    paths = {name: os.path.join(DIR, name + ".h5") for name in ("whole", "chunks", "padded")}
    with torch.no_grad():
        with capture(model, paths["whole"], rows="every:3", names=["one"], tasks=["a"]):
            model(input_ids=ids)
        with capture(model, paths["chunks"], rows="every:3", names=["one"], tasks=["a"]):
            cache = transformers.DynamicCache(config=model.config)
            for a, b in ((0, 11), (11, 12), (12, 30)):
                model(input_ids=ids[:, a:b], past_key_values=cache)
        mask = torch.ones(2, 37, dtype=torch.int64)
        mask[0, :7] = 0
        both = torch.cat([torch.cat([torch.zeros(1, 7, dtype=torch.int64), ids], 1), torch.randint(1, 97, (1, 37))])
        with capture(model, paths["padded"], rows="every:3"):
            model(input_ids=both, attention_mask=mask, position_ids=(mask.cumsum(1) - 1).clamp(min=0))
    runs = {name: replay(path, "--output-error") for name, path in paths.items()}
    n = len(runs["whole"]["row"])
    assert runs["whole"]["row_position"].tolist() == list(range(0, 30, 3)) and runs["whole"]["sequence_name"].tolist() == [b"one"]
    for name in ("chunks", "padded"):
        for field, x in runs["whole"].items():
            if field.startswith("stat/") or field in ("row_nll", "row_token"):
                got = np.take(runs[name][field], range(n), axis=0 if x.ndim == 1 else 2)
                near(got, x, 1e-4 * (1 + np.abs(x)), (name, field))


def check_bfloat16_and_exceptions():
    model, path = tiny("mistral").to(torch.bfloat16), os.path.join(DIR, "half.h5")
    before, functions = dict(model.config.__dict__), registry()
    kept = {}
    handle = model.model.layers[1].self_attn.v_proj.register_forward_hook(lambda m, a, out: kept.update(v=out))
    with torch.no_grad(), capture(model, path, layers=[1], rows=[0, 5, 8]):
        model(input_ids=torch.arange(1, 10)[None])
    handle.remove()
    with h5py.File(path) as f:
        assert f["sequences/0/1/q"].dtype == np.uint16 and f["sequences/0/row_position"][()].tolist() == [0, 5, 8]
        assert f.attrs["dtype"] == "bfloat16" and list(f["layers"]) == ["1"]
    near(captures.tensors(path, 0, 1)["v"].reshape(9, -1), kept["v"][0].double().numpy(), 0, "bfloat16 as it was")
    assert len(replay(path)["row"]) == 3
    broken = os.path.join(DIR, "broken.h5")
    try:
        with torch.no_grad(), capture(model, broken):
            model(input_ids=torch.arange(1, 10)[None])
            raise KeyError("the user's own")
    except KeyError:
        pass
    assert dict(model.config.__dict__) == before and registry() == functions
    assert not model._forward_hooks and not model._forward_pre_hooks
    with h5py.File(broken) as f:
        assert f.attrs["complete"] == 0
    for error, use in ((FileExistsError, lambda: capture(model, path)), (ValueError, lambda: capture(model, path + "2", rows="some")),
                       (ValueError, lambda: capture(model, path + "3"))):
        try:
            with use():
                pass
        except error:
            continue
        raise AssertionError(error)


check_embedded()
for family in ("qwen3", "mistral", "gemma2", "gpt_oss"):
    check_against_model(family)
for family in ("deepseek_v32", "glm_moe_dsa"):
    check_indexer(family)
check_indexer("deepseek_v32", torch.bfloat16)
check_cache_and_padding()
check_bfloat16_and_exceptions()
