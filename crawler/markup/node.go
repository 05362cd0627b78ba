package markup

import (
	"fmt"
	"strings"

	"github.com/andybalholm/cascadia"
	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// Attr is the value of an attribute of n, empty if n is nil or has none.
func Attr(n *html.Node, key string) string {
	if n == nil {
		return ""
	}
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

// Find is the first element under n that m matches, nil if there is none or n
// is nil.
func Find(n *html.Node, m cascadia.Matcher) *html.Node {
	if n == nil {
		return nil
	}
	return cascadia.Query(n, m)
}

// FindAll is every element under n that m matches, in order.
func FindAll(n *html.Node, m cascadia.Matcher) []*html.Node {
	if n == nil {
		return nil
	}
	return cascadia.QueryAll(n, m)
}

// Words is the plain text of n on one line, empty for nil.
func Words(n *html.Node) string { return strings.Join(strings.Fields(Text(Source(n))), " ") }

// Prune takes everything that m matches out of the tree under n.
func Prune(n *html.Node, m cascadia.Matcher) {
	for _, c := range FindAll(n, m) {
		if c.Parent != nil {
			c.Parent.RemoveChild(c)
		}
	}
}

// Source writes n as HTML, for Text and Images; nil is empty.
func Source(n *html.Node) string {
	if n == nil {
		return ""
	}
	var b strings.Builder
	if err := html.Render(&b, n); err != nil { // a tree that no parser makes
		return ""
	}
	return b.String()
}

// Outline names the parts of a page as selectors would, each once in the order
// in which it comes and with how often, for whoever wrote a selector that
// matched nothing. It holds no text of the page and is at most 250 bytes or so.
func Outline(doc *html.Node) string {
	if doc == nil {
		return ""
	}
	var names []string
	count := map[string]int{}
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode || unread[n.DataAtom] || len(n.Data) > 30 {
			continue
		}
		name := n.Data
		if id := Attr(n, "id"); plainName(id) {
			name += "#" + id
		}
		for _, c := range strings.Fields(Attr(n, "class")) {
			if plainName(c) && strings.Count(name, ".") < 3 {
				name += "." + c
			}
		}
		if name == n.Data && !telling[n.DataAtom] {
			continue
		}
		if count[name]++; count[name] == 1 {
			names = append(names, name)
		}
	}
	var b strings.Builder
	for _, name := range names {
		if b.Len() > 200 {
			b.WriteString(" …")
			break
		}
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		b.WriteString(name)
		if count[name] > 1 {
			fmt.Fprintf(&b, " ×%d", count[name])
		}
	}
	return b.String()
}

// telling are elements worth naming without id and class.
var telling = map[atom.Atom]bool{atom.Article: true, atom.Main: true, atom.Section: true, atom.H1: true, atom.H2: true, atom.H3: true, atom.Time: true, atom.Img: true, atom.Table: true, atom.Ul: true, atom.Ol: true}

// plainName reports whether an id or class can stand in a selector as it is.
func plainName(s string) bool {
	if s == "" || len(s) > 30 {
		return false
	}
	for _, r := range s {
		if r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') {
			return false
		}
	}
	return s[0] < '0' || s[0] > '9'
}
