package telegram

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

type node = html.Node

func parsePage(body []byte) (*node, error) {
	root, err := html.Parse(bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("read the page: %w", err)
	}
	return root, nil
}

// attr is the value of an attribute, empty if there is none.
func attr(n *node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func has(n *node, class string) bool {
	return n.Type == html.ElementNode && slices.Contains(strings.Fields(attr(n, "class")), class)
}

func first(n *node, class string) *node {
	for d := range n.Descendants() {
		if has(d, class) {
			return d
		}
	}
	return nil
}

func all(n *node, class string) []*node {
	var list []*node
	for d := range n.Descendants() {
		if has(d, class) {
			list = append(list, d)
		}
	}
	return list
}

// within reports whether n stands inside an element of that class below top.
func within(n, top *node, class string) bool {
	for p := n; p != nil && p != top; p = p.Parent {
		if has(p, class) {
			return true
		}
	}
	return false
}

// holdsPosts reports whether anything below n is called a message.
func holdsPosts(n *node) bool {
	for d := range n.Descendants() {
		if attr(d, "data-post") != "" {
			return true
		}
	}
	return false
}

// inner is the markup inside n.
func inner(n *node) string {
	var w strings.Builder
	for c := range n.ChildNodes() {
		if err := html.Render(&w, c); err != nil {
			return "" // a tree from html.Parse renders
		}
	}
	return w.String()
}

// background is the picture that an element shows by its style. Some pages
// escape the quotes in it twice.
func background(n *node) (string, bool) {
	style := attr(n, "style")
	if !strings.Contains(style, "background-image") {
		return "", false
	}
	m := backgroundImage.FindStringSubmatch(html.UnescapeString(style))
	if m == nil {
		return "", false
	}
	return strings.TrimSpace(m[1]), true
}
