package crawler

import (
	"bytes"
	"net/url"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// wall is the refusal of a body that is not what was due: a captcha or a
// sign-in page where it looks like one, else name.
func (r reply) wall(name string) *Refusal {
	ref := &Refusal{Name: name, Status: r.status, URL: r.url.String()}
	switch {
	case len(bytes.TrimSpace(r.body)) == 0:
		ref.Detail = "empty"
		return ref
	case looksHTML(r.body):
		ref.Detail = "an HTML page came instead"
	default:
		return ref
	}
	if w := wallOf(r.body, r.url); w != "" {
		ref.Name = w
	}
	return ref
}

func looksHTML(body []byte) bool {
	head := bytes.ToLower(bytes.TrimSpace(bytes.TrimPrefix(body[:min(len(body), 1024)], []byte("\ufeff"))))
	for _, sign := range []string{"<!doctype html", "<html", "<head", "<body", "<title", "<script", "<meta", "<form"} {
		if bytes.HasPrefix(head, []byte(sign)) || bytes.HasPrefix(head, []byte("<?xml")) && bytes.Contains(head, []byte(sign)) {
			return true
		}
	}
	return false
}

// loginAddress reports whether an address says of itself that it is where
// people sign in, or where a site tells people from programs.
func loginAddress(u *url.URL) bool {
	for _, part := range strings.FieldsFunc(strings.ToLower(u.Host+"/"+u.Path), func(r rune) bool { return r == '/' || r == '.' }) {
		switch part {
		case "login", "signin", "sign_in", "passport", "visitor":
			return true
		}
	}
	return false
}

// wallOf looks for the parts that puzzles and sign-in pages cannot do without.
// It is asked only of pages that came in place of something else: a page that
// was due may well have a sign-in form in a corner.
func wallOf(body []byte, u *url.URL) string {
	login := loginAddress(u)
	z := html.NewTokenizer(bytes.NewReader(body))
	for {
		switch z.Next() {
		case html.ErrorToken:
			if login {
				return RefusedLogin
			}
			return ""
		case html.StartTagToken, html.SelfClosingTagToken:
			t := z.Token()
			for _, a := range t.Attr {
				v := strings.ToLower(a.Val)
				switch {
				case a.Key == "type" && t.DataAtom == atom.Input && v == "password":
					login = true
				case a.Key == "src", a.Key == "class", a.Key == "id", a.Key == "action", a.Key == "name":
					for _, sign := range []string{"captcha", "turnstile", "geetest", "challenge-platform", "challenge-form"} {
						if strings.Contains(v, sign) {
							return RefusedCaptcha
						}
					}
				}
			}
		}
	}
}
