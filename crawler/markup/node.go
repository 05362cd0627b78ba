package markup

import (
	"strings"

	"github.com/andybalholm/cascadia"
	"golang.org/x/net/html"
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
