#!/usr/bin/env python3
"""What faiss takes for the searches of `xunqin bench index`, on the same fingerprints, with one thread. That command runs this script.

    python3 -m venv venv && venv/bin/pip install faiss-cpu==1.15.1
    xunqin bench index --n 10000000 --bits 256 --python venv/bin/python --json

Arguments: a file of fingerprints, a file of queries, the bits of each. Each line of the input is an index and a radius, such as
"flat 31" or "multihash 31"; each line of the output {"ms": milliseconds a query, "hits": all that was found}. MultiHash has bands of
16 bits and changes as many bits in them as it must to find everything within the radius.
"""
import json, sys, time

import faiss
import numpy as np

codes, queries, bits = sys.argv[1], sys.argv[2], int(sys.argv[3])
codes = np.fromfile(codes, dtype=np.uint8).reshape(-1, bits // 8)
queries = np.fromfile(queries, dtype=np.uint8).reshape(-1, bits // 8)
faiss.omp_set_num_threads(1)
indexes = {}


def index(name):
    if name not in indexes:
        made = faiss.IndexBinaryFlat(bits) if name == "flat" else faiss.IndexBinaryMultiHash(bits, bits // 16, 16)
        made.add(codes)
        indexes[name] = made
    return indexes[name]


print(json.dumps({"faiss": faiss.__version__}), flush=True)
for line in sys.stdin:
    name, radius = line.split()
    x = index(name)
    if name == "multihash":
        x.nflip = int(radius) // (bits // 16)
    hits, begun = 0, time.perf_counter()
    for i in range(len(queries)):
        # Flat counts those nearer than the radius, MultiHash too.
        limits, _, _ = x.range_search(queries[i : i + 1], int(radius) + 1)
        hits += int(limits[1])
    print(json.dumps({"ms": 1000 * (time.perf_counter() - begun) / len(queries), "hits": hits}), flush=True)
