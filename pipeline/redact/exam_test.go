package redact

import (
	"os"
	"strings"
	"testing"
)

// A question of the exam: a sentence, what of it may not be shown to somebody
// without rights, and what must still be readable.
type question struct {
	text         string
	vanish, stay []string
}

func readExam(t *testing.T, path string) []question {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	plain := strings.NewReplacer(`\u200b`, "\u200b", `\u202e`, "\u202e")
	parts := func(s string) []string {
		if s == "" {
			return nil
		}
		return strings.Split(plain.Replace(s), "|")
	}
	var exam []question
	for line := range strings.Lines(string(b)) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, "#") {
			continue
		}
		cells := strings.Split(line, "\t")
		if len(cells) != 4 {
			t.Fatalf("%s: %d cells in %q", path, len(cells), line)
		}
		exam = append(exam, question{plain.Replace(cells[1]), parts(cells[2]), parts(cells[3])})
	}
	return exam
}

func TestExamHoldsWhatItAsksAbout(t *testing.T) {
	exam := readExam(t, "testdata/exam.tsv")
	if len(exam) < 60 {
		t.Errorf("%d questions", len(exam))
	}
	for _, q := range exam {
		for _, s := range append(q.vanish, q.stay...) {
			if !strings.Contains(strings.ReplaceAll(q.text, "\u200b", ""), s) && !strings.HasPrefix(s, "⟦") {
				t.Errorf("%q does not hold %q", q.text, s)
			}
		}
	}
}

func TestExam(t *testing.T) {
	for _, path := range []string{"testdata/exam.tsv", "testdata/second.tsv"} {
		t.Run(path, func(t *testing.T) {
			var secrets, leaked, plain, lost int
			for _, q := range readExam(t, path) {
				shown := Text(q.text, View{})
				bare := marker.ReplaceAllString(shown, "")
				for _, s := range q.vanish {
					secrets++
					if strings.Contains(shown, s) || strings.Contains(bare, s) {
						leaked++
						t.Logf("leaked %q: %q -> %q", s, q.text, shown)
					}
				}
				for _, s := range q.stay {
					plain++
					if !strings.Contains(shown, s) {
						lost++
						t.Logf("lost %q: %q -> %q", s, q.text, shown)
					}
				}
			}
			t.Logf("%d of %d secrets masked, %d of %d plain parts kept", secrets-leaked, secrets, plain-lost, plain)
			if leaked > 0 || lost > 0 {
				t.Errorf("%d leaked, %d lost", leaked, lost)
			}
		})
	}
}
