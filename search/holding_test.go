package search

import (
	"slices"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"
)

// What Holding leaves out is what no accepted document lacks.
func TestADocumentThatIsAcceptedHoldsWhatWasAskedFor(t *testing.T) {
	const alphabet = "张三李四男孩⼀一㊚男㍿株式会社豈豈🈷月ab1 。-\"\u200b"
	part := rapid.StringOfN(rapid.SampledFrom([]rune(alphabet)), 1, 5, -1)
	var query func(depth int) *rapid.Generator[Query]
	query = func(depth int) *rapid.Generator[Query] {
		return rapid.Custom(func(t *rapid.T) Query {
			kind := rapid.IntRange(0, 5).Draw(t, "kind")
			if depth > 2 {
				kind = 0
			}
			parts := func() []Query { return rapid.SliceOfN(query(depth+1), 0, 3).Draw(t, "parts") }
			switch kind {
			case 3:
				return And(parts())
			case 4:
				return Or(parts())
			case 5:
				return Not{query(depth+1).Draw(t, "not")}
			}
			return Text(part.Draw(t, "text"))
		})
	}
	accepted := 0
	rapid.Check(t, func(t *rapid.T) {
		d := Doc{Text: rapid.StringOfN(rapid.SampledFrom([]rune(alphabet)), 0, 30, -1).Draw(t, "document")}
		q := query(0).Draw(t, "query")
		lists := Holding(q)
		if slices.ContainsFunc(lists, func(l []string) bool { return len(l) == 0 }) {
			t.Fatalf("an empty list for %s", q)
		}
		if !Match(q, d) {
			return
		}
		accepted++
		for _, list := range lists {
			if !slices.ContainsFunc(list, func(s string) bool { return strings.Contains(d.Text, s) }) {
				t.Fatalf("%s accepts %q, which holds none of %q", q, d.Text, list)
			}
		}
	})
	if accepted < 10 {
		t.Errorf("only %d documents were accepted", accepted)
	}
}

// Whatever character stands for an ideograph is among those that are looked through.
func TestIdeographsAreWrittenByNoOtherCharacters(t *testing.T) {
	for r := rune(0x80); r <= unicode.MaxRune; r++ {
		if unicode.Is(compatible, r) || unicode.Is(unicode.Unified_Ideograph, r) || 0xd800 <= r && r < 0xe000 {
			continue
		}
		if s := fold(string(r)); strings.ContainsFunc(s, func(c rune) bool { return unicode.Is(unicode.Unified_Ideograph, c) }) {
			t.Errorf("%U is %q", r, s)
		}
	}
}
