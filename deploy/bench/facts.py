"""Facts from words: xunqin beside jionlp, cpca and a plain gazetteer, on the same labelled posts in one run.

    pip install jionlp==1.5.31 cpca==0.5.5
    go build -o /tmp/xunqin ./cmd/xunqin
    python deploy/bench/facts.py /tmp/xunqin pipeline/facts/testdata/exam-b.jsonl

Prints figures only, never a post. What the labels mean is in pipeline/facts/testdata/README.md. An answer is a code
and whether it is sure; jionlp, cpca and the gazetteer have no grades, so all they answer counts as sure.
"""

import json
import pathlib
import subprocess
import sys
from datetime import datetime, timedelta, timezone

CHINA = timezone(timedelta(hours=8))
TABLE = pathlib.Path(__file__).parents[2] / "pipeline" / "facts" / "divisions.tsv"
SURE = 0.9


def divisions():
    rows = [line.rstrip("\n").split("\t") for line in TABLE.open(encoding="utf-8")]
    return [(r[0], r[1], r[2], r[3].endswith("-")) for r in rows]


class Xunqin:
    """Answers by the command, all at once."""

    def __init__(self, program, posts):
        lines = "\n".join(json.dumps({k: p[k] for k in ("id", "text", "posted_at", "source_city")}) for p in posts)
        out = subprocess.run([program, "facts", "--json"], input=lines, capture_output=True, text=True, check=True).stdout
        self.answers = {a["id"]: a for a in map(json.loads, out.splitlines())}

    def place(self, post):
        for p in self.answers[post["id"]]["places"]:
            if p.get("role") not in ("from", "other"):
                now = p.get("now") or []
                return {p["code"], *(now if len(now) == 1 else [])}, p["grade"] >= SURE, p.get("role")
        return None

    def time(self, post):
        t = self.answers[post["id"]].get("time")
        return t and (datetime.fromisoformat(t["from"]), datetime.fromisoformat(t["to"]))

    def age(self, post):
        a = self.answers[post["id"]].get("age")
        if not a or not a.get("at"):
            return None
        # Moved to the day of the label by whole years and parts of one.
        shift = (datetime.fromisoformat(post["truth"]["age"]["at"]) - datetime.fromisoformat(a["at"])).days / 365.25
        return a["min"] + shift, a["max"] + shift

    def sex(self, post):
        return self.answers[post["id"]]["sex"]

    def masked(self, post):
        return len(self.answers[post["id"]]["masked"])


class Jionlp:
    def __init__(self):
        import jionlp

        self.jio = jionlp
        rows = divisions()
        names = {code: name for code, name, _, now in rows if now}
        self.codes = {}
        for code, name in names.items():
            province, city = names.get(code[:2] + "0000"), names.get(code[:4] + "00")
            county = name if not code.endswith("00") else None
            self.codes[province, city if not code.endswith("0000") else None, county] = code
            if county:  # counties right below a province or a municipality
                self.codes.setdefault((province, province, county), code)

    def place(self, post):
        try:
            p = self.jio.parse_location(post["text"])
        except Exception:
            return None
        key = (p["province"], p["city"], p["county"])
        if key == (None, None, None):
            return None
        code = self.codes.get(key) or self.codes.get((key[0], None, key[2])) or self.codes.get((key[0], None, None)) if key[2] is None else self.codes.get(key) or self.codes.get((key[0], None, key[2]))
        return {code or "unknown"}, True, None

    def time(self, post):
        at = datetime.fromisoformat(post["posted_at"]).astimezone(CHINA)
        base = {"year": at.year, "month": at.month, "day": at.day, "hour": at.hour, "minute": at.minute, "second": at.second}
        try:
            found = self.jio.ner.extract_time(post["text"], time_base=base)
        except Exception:
            return None
        for f in found:
            if f["type"] not in ("time_point", "time_span"):
                continue
            try:
                ends = [datetime.strptime(t, "%Y-%m-%d %H:%M:%S").replace(tzinfo=CHINA) for t in f["detail"]["time"]]
            except (ValueError, TypeError):
                continue
            return ends[0], ends[1] + timedelta(seconds=1)
        return None


class Cpca:
    def __init__(self):
        import cpca

        self.cpca = cpca

    def place(self, post):
        code = self.cpca.transform([post["text"]]).to_dict("records")[0]["adcode"]
        return ({code}, True, None) if code else None


class Gazetteer:
    """The finest of the names in the text, the first of those that share it."""

    def __init__(self):
        self.names = {}
        for code, name, short, now in sorted(divisions(), key=lambda r: (not r[3], r[0][4:] != "00", r[0])):
            for n in {name, short} - {""}:
                self.names.setdefault(n, code)

    def place(self, post):
        text, found, i = post["text"], [], 0
        while i < len(text):
            for n in range(min(12, len(text) - i), 1, -1):
                if text[i : i + n] in self.names:
                    found.append(self.names[text[i : i + n]])
                    i += n - 1
                    break
            i += 1
        fine = sorted(found, key=lambda c: (c.endswith("0000"), c.endswith("00")))
        return ({fine[0]}, True, None) if fine else None


def score(posts, reader):
    place = [0, 0]
    sure_wrong = role = 0
    figures = {"time": [0, 0], "age": [0, 0], "sex": [0, 0], "masked": [0, 0]}
    for post in posts:
        truth = post["truth"]
        here = [p for p in truth["places"] if p["role"] in ("seen", "lost")]
        answer = reader.place(post)
        right = False
        if here:
            p = here[0]
            good = {p["code"], p.get("now"), *p.get("finer", [])} - {None}
            right = bool(answer and answer[0] & good)
        shared = set(truth.get("candidates", []))
        if here and not shared:
            place[1] += 1
            place[0] += right
            role += bool(right and answer[2] == here[0]["role"])
        if answer and answer[1] and not right:
            sure_wrong += 1
        if "time" in truth and hasattr(reader, "time"):
            t = reader.time(post)
            start, end = (datetime.fromisoformat(truth["time"][k]) for k in ("from", "to"))
            figures["time"][1] += 1
            figures["time"][0] += bool(t and t[0] <= start and t[1] >= end)
        if "age" in truth and hasattr(reader, "age"):
            a = reader.age(post)
            figures["age"][1] += 1
            figures["age"][0] += bool(a and a[0] <= truth["age"]["min"] + 0.1 and a[1] >= truth["age"]["max"] - 0.1)
        if truth["sex"] and hasattr(reader, "sex"):
            figures["sex"][1] += 1
            figures["sex"][0] += reader.sex(post) == truth["sex"]
        numbers = truth["phones"] + truth["ids"] + truth["plates"]
        if numbers and hasattr(reader, "masked"):
            figures["masked"][1] += numbers
            figures["masked"][0] += min(numbers, reader.masked(post))
    share = lambda p: f"{p[0] / p[1]:.3f}" if p[1] else "-"
    return [share(place), f"{sure_wrong / len(posts):.3f}", f"{role / max(1, place[0]):.3f}" if role else "-", *(share(figures[k]) for k in figures)]


def main(program, *exams):
    print(f"{'':<14}{'':<12}" + "".join(f"{h:>12}" for h in ("place", "sure, wrong", "seen/lost", "time", "age", "sex", "masked")))
    for exam in exams:
        posts = [json.loads(line) for line in open(exam, encoding="utf-8")]
        readers = {"xunqin": Xunqin(program, posts), "jionlp": Jionlp(), "cpca": Cpca(), "gazetteer": Gazetteer()}
        for name, reader in readers.items():
            print(f"{pathlib.Path(exam).stem:<14}{name:<12}" + "".join(f"{v:>12}" for v in score(posts, reader)))


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
