"""Makes the small task files of test_task_formats.c: made up for this, one or two samples each.

    python make_tasks.py        (writes beside itself)
"""
import gzip
import json
import os

HERE = os.path.dirname(os.path.abspath(__file__))
FILES = {
    "niah_x/validation_512.jsonl": [
        {"index": 4, "input": "Pebbles are grey. The secret number for red fox is 91827. Question?", "outputs": ["91827"],
         "length": 500, "length_w_model_temp": 500, "answer_prefix": " The number is", "token_position_answer": 14}],
    "qa_1.jsonl": [{"index": 0, "input": "Who?", "outputs": ["Ann", "Anna"], "length": 9}],
    "helmet_ruler.jsonl": [
        {"context": "Key one is 11. Key one is 22.", "query": "key one", "answer": ["11", "22"], "type_needle_v": "numbers", "num_v": 2},
        {"context": "Six words.", "question": "Which word?", "outputs": ["Six"], "example": "An example.\n"}],
    "helmet_kv.jsonl": [{"context": "{\"a\": \"b\", \"c\": \"d\"}", "question": "a", "answer": "b", "num_kvs": 2, "demos": [["c", "d"]]}],
    "kilt.jsonl": [{"id": "q1", "question": "Where is it?", "answers": ["Rome", "the city of Rome"],
                    "ctxs": [{"title": "Place", "text": "It is in Rome."}, {"text": "No title here."}]}],
    "rerank.jsonl": [{"qid": "5", "query": "rivers", "ctxs": [{"id": "10", "text": "Stone.", "label": 0},
                                                              {"id": 11, "title": "Po", "text": "A river.", "label": 2}]}],
    "infbench.jsonl": [{"id": 0, "context": "A long story.", "input": "Who won?", "answer": ["The fox", "fox"], "options": []}],
    "longbench.json": [
        {"_id": "x1", "domain": "d", "sub_domain": "s", "difficulty": "easy", "length": "short", "question": " How many? ",
         "choice_A": "one", "choice_B": "two ", "choice_C": "three", "choice_D": "$Q$", "answer": "B", "context": "Two birds.\n"},
        {"_id": "x2", "difficulty": "hard", "length": "long", "question": "Why?", "choice_A": "a", "choice_B": "b", "choice_C": "c",
         "choice_D": "d", "answer": "D", "context": "Because."}],
    "kv_records.jsonl": [{"ordered_kv_records": [["k1", "v1"], ["k2", "v \"2\""]], "key": "k2", "value": "v \"2\""}],
}
for name, samples in FILES.items():
    path = os.path.join(HERE, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write(json.dumps(samples, indent=1) + "\n" if name.endswith(".json") else "".join(json.dumps(s) + "\n" for s in samples))
# Two members, as `cat a.gz b.gz` gives.
lines = "".join(json.dumps(s) + "\n" for s in FILES["longbench.json"]).encode()
cut = len(lines) // 2
with open(os.path.join(HERE, "longbench.jsonl.gz"), "wb") as f:
    f.write(gzip.compress(lines[:cut], mtime=0) + gzip.compress(lines[cut:], mtime=0))
