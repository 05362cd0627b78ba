#!/usr/bin/env python3
"""What tools that people use find on the same files as `xunqin bench match`: hashes of the whole picture (pdqhash, ImageHash,
goimagehash) and OpenCV's ORB with an affine map. One thread.

    python3 -m venv venv && venv/bin/pip install pdqhash==0.2.8 ImageHash==4.3.2 opencv-python-headless==5.0.0.93
    venv/bin/python peers.py --set SET --distractors DIR... --xunqin ./xunqin

With --xunqin the program is run first, on the same files in the same run, with the same --sample and --half, and its column stands
beside the others. --json prints everything; --merge FILE... prints one Markdown table of such outputs and of those of
`xunqin bench match --json`, without measuring. Nothing is written and nothing leaves the machine.

goimagehash is measured through `xunqin bench hashes`, which prints its hashes as its README makes them: pass --xunqin for it.
"""
import argparse, csv, hashlib, json, math, os, resource, subprocess, sys, time

EXTENSIONS = (".jpg", ".jpeg", ".png", ".webp")


def pictures(folder):
    return sorted(os.path.join(r, f) for r, _, files in os.walk(folder) for f in files if f.lower().endswith(EXTENSIONS))


def wilson(found, of):
    if of == 0:
        return 0.0, 1.0
    z, n, p = 1.959964, of, found / of
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, (middle - half) / (1 + z * z / n)), min(1.0, (middle + half) / (1 + z * z / n))


def cpu():
    u = resource.getrusage(resource.RUSAGE_SELF)
    return u.ru_utime + u.ru_stime


def half(original):
    return 1 + hashlib.sha256(os.path.basename(original).encode()).digest()[0] % 2


class Peer:
    """What one method found."""

    def __init__(self, name):
        self.name, self.edits, self.queries, self.pairs, self.false, self.seconds, self.making = name, {}, 0, 0, 0, 0.0, 0.0

    def ask(self, row, found, original, known, twins):
        edit = self.edits.setdefault(row["transform"], {"class": row["class"], "found": 0, "of": 0})
        edit["of"] += 1
        self.queries += 1
        self.pairs += known - (original is not None)
        for n in found:
            if n == original:
                edit["found"] += 1
            elif n not in twins:
                self.false += 1

    def report(self):
        edits, classes = {}, {}
        for name, e in self.edits.items():
            low, high = wilson(e["found"], e["of"])
            edits[name] = {"found": e["found"], "of": e["of"], "low": low, "high": high, "class": e["class"]}
            c = classes.setdefault(e["class"], {"found": 0, "of": 0})
            c["found"] += e["found"]
            c["of"] += e["of"]
        for c in classes.values():
            c["low"], c["high"] = wilson(c["found"], c["of"])
        n = max(1, self.queries)
        return {
            "name": self.name, "edits": edits, "classes": classes, "queries": self.queries, "pairs": self.pairs, "false_pairs": self.false,
            "false_rate_95": wilson(self.false, self.pairs), "mean": sum(e["found"] / e["of"] for e in edits.values()) / max(1, len(edits)),
            "ms": {"make": 1000 * self.making / n, "look": 1000 * self.seconds / n},
        }


class Hashes:
    """All hashes of the known pictures in one array, looked through from end to end."""

    def __init__(self, name, make, radii):
        self.make, self.peers, self.radii, self.known = make, [Peer(f"{name} ≤{r}") for r in radii], radii, []

    def add(self, number, picture):
        bits = self.make(picture)
        if bits is not None:
            self.known.append((number, bits))

    def ready(self, np):
        self.numbers = [n for n, _ in self.known]
        self.table = np.stack([b for _, b in self.known]) if self.known else None

    def ask(self, np, picture, tell):
        start = cpu()
        bits = self.make(picture)
        made = cpu() - start
        distance = None
        if bits is not None and self.table is not None:
            distance = np.bitwise_count(np.bitwise_xor(self.table, bits)).sum(axis=1)
        looked = cpu() - start - made
        for peer, radius in zip(self.peers, self.radii):
            peer.making, peer.seconds = peer.making + made, peer.seconds + looked
            tell(peer, [] if distance is None else [self.numbers[i] for i in np.nonzero(distance <= radius)[0]])


class Orb:
    """OpenCV's ORB used with care: 500 points at 640 pixels, votes of near descriptors, the best 8 pictures by an affine map, for
    the query as it is and mirrored. What counts is agreeing points, at most two in a cell of 24 pixels."""

    FEW, ENOUGH, CELL = 8, 12, 24

    def __init__(self, cv2, np):
        self.cv2, self.np = cv2, np
        self.orb = cv2.ORB_create(nfeatures=500)
        self.matcher = cv2.FlannBasedMatcher(dict(algorithm=6, table_number=6, key_size=16, multi_probe_level=1), dict(checks=32))
        self.peers, self.known, self.order = [Peer("OpenCV ORB")], {}, []

    def points(self, picture, mirrored=False):
        grey = self.cv2.cvtColor(picture.bgr, self.cv2.COLOR_BGR2GRAY)
        scale = 640 / max(grey.shape)
        if scale < 1:
            grey = self.cv2.resize(grey, None, fx=scale, fy=scale, interpolation=self.cv2.INTER_AREA)
        keys, words = self.orb.detectAndCompute(self.cv2.flip(grey, 1) if mirrored else grey, None)
        return (self.np.float32([k.pt for k in keys]), words) if words is not None else (None, None)

    def agreeing(self, at, known_at, pairs):
        """How many points agree on a plausible map."""
        src, dst = at[[p.queryIdx for p in pairs]], known_at[[p.trainIdx for p in pairs]]
        m, inliers = self.cv2.estimateAffine2D(src, dst, method=self.cv2.RANSAC, ransacReprojThreshold=6, maxIters=800)
        if m is None:
            return 0
        small, large = sorted(self.np.linalg.svd(m[:, :2], compute_uv=False))
        if self.np.linalg.det(m[:, :2]) <= 0 or large > 2.2 * small or not 0.1 < small < 6:
            return 0
        cells = {}
        for point, ok in zip(dst, inliers.ravel()):
            if ok:
                cell = (point // self.CELL).astype(int).tobytes()
                cells[cell] = min(2, cells.get(cell, 0) + 1)
        return sum(cells.values())

    def add(self, number, picture):
        at, words = self.points(picture)
        if words is not None and len(words) >= self.FEW:
            self.known[number] = at, words
            self.order.append(number)
            self.matcher.add([words])

    def ready(self, np):
        if self.order:
            self.matcher.train()

    def ask(self, np, picture, tell):
        start = cpu()
        sides = [self.points(picture), self.points(picture, True)]
        made, found = cpu() - start, set()
        brute = self.cv2.BFMatcher(self.cv2.NORM_HAMMING)
        for at, words in sides:
            if words is None or len(words) < self.FEW or not self.order:
                continue
            votes = {}
            for near in self.matcher.knnMatch(words, k=3):
                for m in near:
                    if m.distance <= 52:
                        votes[m.imgIdx] = votes.get(m.imgIdx, 0) + math.exp(-((m.distance / 40) ** 2))
            for i in sorted(votes, key=lambda i: (-votes[i], i))[:8]:
                known_at, known_words = self.known[self.order[i]]
                pairs = [p[0] for p in brute.knnMatch(words, known_words, k=2) if len(p) == 2 and p[0].distance < min(72, 0.88 * p[1].distance)]
                if len(pairs) >= self.FEW and self.agreeing(at, known_at, pairs) >= self.ENOUGH:
                    found.add(self.order[i])
        peer = self.peers[0]
        peer.making, peer.seconds = peer.making + made, peer.seconds + cpu() - start - made
        tell(peer, sorted(found))


class Picture:
    def __init__(self, cv2, Image, file):
        with open(file, "rb") as f:
            b = f.read()
        import numpy as np
        self.file, self.sum = file, hashlib.sha256(b).digest()
        self.bgr = cv2.imdecode(np.frombuffer(b, np.uint8), cv2.IMREAD_COLOR)
        if self.bgr is not None:
            self.rgb = cv2.cvtColor(self.bgr, cv2.COLOR_BGR2RGB)
            self.pil = Image.fromarray(self.rgb)


def measure(o):
    os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
    import cv2, numpy as np, imagehash, pdqhash
    from PIL import Image
    cv2.setNumThreads(1)
    cv2.setRNGSeed(1)

    def packed(bits):
        return np.packbits(np.asarray(bits, dtype=np.uint8).ravel())

    def pdq(p):
        bits, quality = pdqhash.compute(p.rgb)
        return packed(bits) if quality >= 50 else None  # as its makers advise

    methods = [
        Hashes("pdqhash PDQ", pdq, [31, 85]),
        Hashes("ImageHash phash", lambda p: packed(imagehash.phash(p.pil).hash), [10]),
        Hashes("ImageHash phash 16x16", lambda p: packed(imagehash.phash(p.pil, hash_size=16).hash), [85]),
        Hashes("ImageHash dhash", lambda p: packed(imagehash.dhash(p.pil).hash), [10]),
        Orb(cv2, np),
    ]
    with open(os.path.join(o.set, "truth.csv"), encoding="utf-8", newline="") as f:
        rows, asked = [], {}
        for row in csv.DictReader(f):
            if o.half and half(row["original"]) != o.half:
                continue
            asked[row["transform"]] = asked.get(row["transform"], 0) + 1
            if (asked[row["transform"]] - 1) % max(1, o.sample) == 0:
                rows.append(row)
    files = [f for d in [os.path.join(o.set, "originals")] + o.distractors for f in pictures(d)]
    if o.xunqin:
        theirs = {}
        names = files + [os.path.join(o.set, r["query"]) for r in rows]
        out = subprocess.run([o.xunqin, "bench", "hashes", "--json"], input="\n".join(names), text=True, stdout=subprocess.PIPE, check=True).stdout
        answer = json.loads(out)
        for name, h in zip(names, answer["hashes"]):
            theirs[name] = np.frombuffer(bytes.fromhex(h), np.uint8) if h else None
        gih = Hashes("goimagehash PerceptionHash", lambda p: theirs.get(p.file), [10])
        gih.ms = answer["ms"]
        methods.insert(0, gih)

    numbers, sums = {}, {}
    for number, file in enumerate(files):
        progress(o, number, len(files) + len(rows))
        p = Picture(cv2, Image, file)
        numbers[os.path.realpath(file)] = number
        sums.setdefault(p.sum, set()).add(number)
        if p.bgr is None:
            continue
        for m in methods:
            m.add(number, p)
    of = {n: s for s in sums.values() for n in s}
    for m in methods:
        m.ready(np)
    for i, row in enumerate(rows):
        progress(o, len(files) + i, len(files) + len(rows))
        original = numbers.get(os.path.realpath(os.path.join(o.set, row["original"])))
        p = Picture(cv2, Image, os.path.join(o.set, row["query"]))
        for m in methods:
            tell = lambda peer, found: peer.ask(row, found, original, len(files), of.get(original, ()))
            if p.bgr is None:
                for peer in m.peers:
                    tell(peer, [])
            else:
                m.ask(np, p, tell)
    reports = []
    for m in methods:
        for peer in m.peers:
            r = peer.report()
            if hasattr(m, "ms"):
                r["ms"]["make"] = m.ms
            reports.append(r)
    return reports


def progress(o, done, of):
    if sys.stderr.isatty():
        print(f"\r{done}/{of}", end="" if done + 1 < of else "\r\x1b[K", file=sys.stderr, flush=True)


def ours(o):
    command = [o.xunqin, "bench", "match", "--set", o.set, "--sample", str(o.sample), "--half", str(o.half), "--no-layouts", "--json"]
    for d in o.distractors:
        command += ["--distractors", d]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


def columns(reports):
    """Reports of both kinds as columns of one kind."""
    out = []
    for r in reports:
        if "name" not in r:
            ms = r["ms"]
            r = dict(r, name="xunqin", ms={"make": ms["decode"] + ms["features"], "look": ms["hash"] + ms["candidates"] + ms["verify"]})
        out.append(r)
    return out


def table(reports):
    reports = columns(reports)
    classes = {}
    for r in reports:
        for name, e in r["edits"].items():
            if "class" in e:
                classes[name] = e["class"]
    width = lambda e: f"{e['found'] / max(1, e['of']):.3f}" if e else "–"
    lines = ["| class | edit | " + " | ".join(r["name"] for r in reports) + " |", "|---|---|" + "---|" * len(reports)]
    names = sorted({n for r in reports for n in r["edits"]}, key=lambda n: (classes.get(n, ""), n))
    for n in names:
        lines.append(f"| {classes.get(n, '')} | {n} | " + " | ".join(width(r["edits"].get(n)) for r in reports) + " |")
    for c in sorted({c for r in reports for c in r["classes"]}):
        cells = []
        for r in reports:
            e = r["classes"].get(c)
            cells.append(f"**{width(e)}** ({e['low']:.3f}–{e['high']:.3f})" if e else "–")
        lines.append(f"| **{c}** | all, 95 % | " + " | ".join(cells) + " |")
    lines.append("| **all** | mean of the edits | " + " | ".join(f"**{r['mean']:.4f}**" for r in reports) + " |")
    lines.append("| | queries | " + " | ".join(str(r["queries"]) for r in reports) + " |")
    lines.append("| | false pairs of pairs | " + " | ".join(f"{r['false_pairs']} of {r['pairs']:,}" for r in reports) + " |")
    lines.append("| | false rate, 95 % | " + " | ".join("{:.1e}–{:.1e}".format(*r["false_rate_95"]) for r in reports) + " |")
    lines.append("| | ms a query: make, look | " + " | ".join(f"{r['ms']['make']:.1f}, {r['ms']['look']:.1f}" for r in reports) + " |")
    return "\n".join(lines)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--set", help="folder with originals, queries and truth.csv")
    p.add_argument("--distractors", nargs="*", default=[], help="folders of other photos")
    p.add_argument("--sample", type=int, default=1, help="ask every so many-th query of an edit only")
    p.add_argument("--half", type=int, default=0, choices=(0, 1, 2), help="ask about one half of the originals only")
    p.add_argument("--xunqin", help="the program, to be measured in the same run")
    p.add_argument("--json", action="store_true")
    p.add_argument("--merge", nargs="+", metavar="FILE", help="print the table of outputs of --json and of xunqin bench match --json")
    o = p.parse_args()
    if o.merge:
        reports = []
        for file in o.merge:
            with open(file, encoding="utf-8") as f:
                r = json.load(f)
            reports += r if isinstance(r, list) else [r]
    elif o.set:
        reports = ([ours(o)] if o.xunqin else []) + measure(o)
    else:
        p.error("--set or --merge is needed")
    print(json.dumps(reports, ensure_ascii=False) if o.json else table(reports))


if __name__ == "__main__":
    main()
