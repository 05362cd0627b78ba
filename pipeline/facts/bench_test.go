package facts

import (
	"strings"
	"testing"
)

// BenchmarkRead reads the labelled posts, and beside it finds the names of
// all divisions in them by their first characters, as a plain gazetteer does.
func BenchmarkRead(b *testing.B) {
	posts := readExam(b, "exam-a.jsonl")
	c := Context{Kind: "post"}
	Read(posts[0].Text, posts[0].Posted, c) // loads the tables
	b.Run("facts", func(b *testing.B) {
		for i := range b.N {
			q := &posts[i%len(posts)]
			Read(q.Text, q.Posted, c)
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "posts/s")
	})
	b.Run("gazetteer", func(b *testing.B) {
		a := china()
		byFirst := map[rune][]string{}
		for i := range a.all {
			for _, name := range []string{a.all[i].Name, a.all[i].Short} {
				for _, r := range name {
					byFirst[r] = append(byFirst[r], name)
					break
				}
			}
		}
		found := 0
		for i := range b.N {
			text := posts[i%len(posts)].Text
			for at, r := range text {
				for _, name := range byFirst[r] {
					if strings.HasPrefix(text[at:], name) {
						found++
					}
				}
			}
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "posts/s")
	})
}
