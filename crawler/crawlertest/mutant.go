package crawlertest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"xunqin/crawler"
)

// Mutant is a page as it might look after its site was changed.
type Mutant struct {
	What string // was changed, for messages
	Body string
}

// JSONMutants changes each field of a document, wherever it stands, in turn:
// missing, null, of another type, under another name. One mutant more has all
// arrays turned round.
func JSONMutants(t testing.TB, body string) []Mutant {
	t.Helper()
	read := func() any {
		dec := json.NewDecoder(strings.NewReader(body))
		dec.UseNumber()
		var v any
		if err := dec.Decode(&v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	write := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	paths := map[string]bool{}
	var walk func(v any, path string, visit func(m map[string]any, path, key string))
	walk = func(v any, path string, visit func(m map[string]any, path, key string)) {
		switch v := v.(type) {
		case map[string]any:
			for _, key := range slices.Sorted(maps.Keys(v)) {
				walk(v[key], path+"."+key, visit)
				visit(v, path+"."+key, key)
			}
		case []any:
			for _, e := range v {
				walk(e, path+"[]", visit)
			}
		}
	}
	walk(read(), "", func(_ map[string]any, path, _ string) { paths[path] = true })
	changes := []struct {
		what   string
		change func(m map[string]any, key string)
	}{
		{"missing", func(m map[string]any, key string) { delete(m, key) }},
		{"null", func(m map[string]any, key string) { m[key] = nil }},
		{"renamed", func(m map[string]any, key string) { m[key+"_2"] = m[key]; delete(m, key) }},
		{"of another type", func(m map[string]any, key string) {
			switch m[key].(type) {
			case string, bool:
				m[key] = []any{map[string]any{"a": 1}}
			case map[string]any:
				m[key] = "x"
			case []any:
				m[key] = map[string]any{"a": "b"}
			default:
				m[key] = map[string]any{}
			}
		}},
	}
	var list []Mutant
	for _, target := range slices.Sorted(maps.Keys(paths)) {
		for _, c := range changes {
			v := read()
			walk(v, "", func(m map[string]any, path, key string) {
				if path == target {
					c.change(m, key)
				}
			})
			list = append(list, Mutant{target + " " + c.what, write(v)})
		}
	}
	var turn func(v any)
	turn = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, e := range v {
				turn(e)
			}
		case []any:
			for _, e := range v {
				turn(e)
			}
			slices.Reverse(v)
		}
	}
	v := read()
	turn(v)
	return append(list, Mutant{"arrays turned round", write(v)})
}

// HTMLMutants renames each class of a page and drops or empties each attribute,
// in turn. One mutant more has the elements of each parent turned round.
func HTMLMutants(t testing.TB, body string) []Mutant {
	t.Helper()
	change := func(what string, f func(n *html.Node)) Mutant {
		root, err := html.Parse(strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		var nodes []*html.Node
		for n := range root.Descendants() {
			if n.Type == html.ElementNode {
				nodes = append(nodes, n)
			}
		}
		for _, n := range nodes {
			f(n)
		}
		var w bytes.Buffer
		if err := html.Render(&w, root); err != nil {
			t.Fatal(err)
		}
		return Mutant{what, w.String()}
	}
	classes, attrs := map[string]bool{}, map[string]bool{}
	change("", func(n *html.Node) {
		for _, a := range n.Attr {
			attrs[a.Key] = true
			if a.Key == "class" {
				for _, c := range strings.Fields(a.Val) {
					classes[c] = true
				}
			}
		}
	})
	var list []Mutant
	for _, class := range slices.Sorted(maps.Keys(classes)) {
		list = append(list, change("class "+class+" renamed", func(n *html.Node) {
			for i, a := range n.Attr {
				if a.Key != "class" {
					continue
				}
				words := strings.Fields(a.Val)
				for j, c := range words {
					if c == class {
						words[j] = "v2-" + fmt.Sprint(len(c))
					}
				}
				n.Attr[i].Val = strings.Join(words, " ")
			}
		}))
	}
	for _, attr := range slices.Sorted(maps.Keys(attrs)) {
		list = append(list, change("attribute "+attr+" dropped", func(n *html.Node) {
			n.Attr = slices.DeleteFunc(n.Attr, func(a html.Attribute) bool { return a.Key == attr })
		}), change("attribute "+attr+" emptied", func(n *html.Node) {
			for i := range n.Attr {
				if n.Attr[i].Key == attr {
					n.Attr[i].Val = ""
				}
			}
		}))
	}
	return append(list, change("elements turned round", func(n *html.Node) {
		var children []*html.Node
		for c := range n.ChildNodes() {
			children = append(children, c)
		}
		for _, c := range children {
			n.RemoveChild(c)
		}
		slices.Reverse(children)
		for _, c := range children {
			n.AppendChild(c)
		}
	}))
}

// rebuilt runs the Reader over a site whose first page changed its build. What
// it then cannot read it must say, and where it read nothing it must not have
// gone on.
func (s Suite) rebuilt(t *testing.T) {
	enough := errors.New("one page is enough")
	site := NewSite(t)
	h, _ := s.Site(site.URL)
	var first *httptest.ResponseRecorder
	var mutant *Mutant
	site.Fallback(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, r)
		body := answer.Body.String()
		if r.URL.Path == s.Path && answer.Code == http.StatusOK {
			if first == nil {
				first = answer
			}
			if mutant != nil && body == first.Body.String() {
				body = mutant.Body
			}
		}
		maps.Copy(w.Header(), answer.Header())
		w.WriteHeader(answer.Code)
		fmt.Fprint(w, body)
	}))
	d := NewDoor(t, site)
	src := s.source(site)
	read := func() (posts map[string]bool, warnings []string, cursor json.RawMessage, err error) {
		posts, cursor = map[string]bool{}, src.Cursor
		_, err = d.Run(t.Context(), s.Reader, src, func(_ context.Context, p crawler.Page) error {
			cursor, warnings = p.Cursor, p.Warnings // the run's own account leaves out a page that was not taken
			for _, post := range p.Posts {
				checkPost(t, post)
				posts[post.NativeID] = true
			}
			return enough
		})
		if errors.Is(err, enough) {
			err = nil
		}
		return posts, warnings, cursor, err
	}
	want, _, _, err := read()
	if err != nil || len(want) == 0 {
		t.Fatalf("as it was: %d posts, %v", len(want), err)
	}
	for _, m := range s.Mutants(t, first.Body.String()) {
		mutant, src.Cursor = &m, nil
		got, warnings, cursor, err := read()
		refusal, refused := errors.AsType[*crawler.Refusal](err)
		switch {
		case err != nil && !refused:
			t.Errorf("%s: %v", m.What, err)
		case refused && refusal.Name == "":
			t.Errorf("%s: a refusal without a name", m.What)
		case refused && len(cursor) > 0:
			t.Errorf("%s: refused, and the cursor moved to %s", m.What, cursor)
		case !refused && len(got) < len(want) && len(warnings) == 0:
			t.Errorf("%s: %d posts of %d, and no word of it", m.What, len(got), len(want))
		}
		if len(got) > 0 {
			continue
		}
		mutant, src.Cursor = nil, cursor
		again, _, _, err := read()
		for id := range want {
			if !again[id] {
				t.Errorf("%s, then as it was: %s is lost, %v", m.What, id, err)
				break
			}
		}
	}
}
