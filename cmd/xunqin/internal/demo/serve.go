package demo

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"html/template"
	"net/http"
	"slices"
	"time"
)

// What both servers have: robots.txt, the pictures, and a page for each post.

const robotsText = `User-agent: *
Disallow: /private/
Allow: /
`

var page = template.Must(template.New("").Parse(`<!DOCTYPE html>
<html lang="{{.Language}}"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>演示 · demo</title>
<p>{{.Author}} · {{.At}}</p>
<p style="white-space: pre-wrap">{{.Text}}</p>
{{range .Pictures}}<p><img src="/media/{{.}}" alt="" style="max-width: 100%">{{end}}
`))

func (w *wall) serveCommon(mux *http.ServeMux, pagePattern string) {
	mux.HandleFunc("GET /robots.txt", func(rw http.ResponseWriter, r *http.Request) {
		serve(rw, r, "text/plain; charset=utf-8", time.Time{}, []byte(robotsText))
	})
	mux.HandleFunc("GET /media/{name}", func(rw http.ResponseWriter, r *http.Request) {
		pic, ok := w.picture(r.PathValue("name"))
		if !ok {
			http.NotFound(rw, r)
			return
		}
		serve(rw, r, "image/jpeg", time.Time{}, pic.jpeg())
	})
	mux.HandleFunc(pagePattern, func(rw http.ResponseWriter, r *http.Request) {
		posts := w.all()
		i := slices.IndexFunc(posts, func(p post) bool { return p.id == r.PathValue("id") })
		if i < 0 {
			http.NotFound(rw, r)
			return
		}
		p := posts[i]
		var names []string
		for _, pic := range p.pictures {
			names = append(names, pic.name)
		}
		var b bytes.Buffer
		err := page.Execute(&b, map[string]any{
			"Language": p.language, "Author": p.author.display, "At": p.at.UTC().Format(time.DateTime), "Text": p.text, "Pictures": names,
		})
		if err != nil {
			http.Error(rw, err.Error(), http.StatusInternalServerError)
			return
		}
		serve(rw, r, "text/html; charset=utf-8", p.at, b.Bytes())
	})
}

// serve answers with the body, or that it has not changed since the asker last had it.
func serve(rw http.ResponseWriter, r *http.Request, kind string, changed time.Time, body []byte) {
	sum := sha256.Sum256(body)
	rw.Header().Set("Content-Type", kind)
	rw.Header().Set("ETag", `"`+hex.EncodeToString(sum[:12])+`"`)
	http.ServeContent(rw, r, "", changed, bytes.NewReader(body))
}
