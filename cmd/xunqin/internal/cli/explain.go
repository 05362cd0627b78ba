package cli

import (
	"errors"
	"io/fs"
	"strings"

	"xunqin/cmd/xunqin/internal/app"
	"xunqin/crawler"
	"xunqin/pipeline"
	"xunqin/pipeline/blob"
	"xunqin/pipeline/photo"
	"xunqin/pipeline/record"
	"xunqin/search"
)

// explain says an error to a person: what happened, what was saved, what to do. What the catalog has no words for is said as
// it is.
func (e *Env) explain(err error) string {
	if bad, ok := errors.AsType[*search.ParseError](err); ok {
		said := e.T("words.at", "n", bad.Offset+1) + " " + bad.Message(e.Lang)
		if of, ok := errors.AsType[badQuery](err); ok {
			said += "\n" + marked(of.query, bad.Offset)
		}
		return said
	}
	if m, ok := errors.AsType[interface {
		error
		Message(lang string) string
	}](err); ok {
		return m.Message(e.Lang)
	}
	if trouble, ok := errors.AsType[*app.Trouble](err); ok {
		return e.T("cli.trouble."+trouble.Code, "detail", trouble.Detail)
	}
	if refusal, ok := errors.AsType[*crawler.Refusal](err); ok {
		return e.T("cli.refused", "detail", refusal.Error())
	}
	if bad, ok := errors.AsType[*photo.Refused](err); ok {
		return e.T("cli.photo", "reason", bad.Reason)
	}
	if bad, ok := errors.AsType[*pipeline.SourceError](err); ok {
		if bad.Field == "approval" {
			return e.T("cli.approval")
		}
		return e.T("cli.source", "field", bad.Field, "detail", bad.Detail)
	}
	for _, k := range []struct {
		is  error
		key string
	}{
		{record.ErrNewer, "cli.newer"}, {record.ErrExists, "cli.exists"}, {record.ErrStale, "cli.stale"}, {record.ErrNotFound, "cli.notfound"}, {app.ErrInUse, "cli.inuse"},
		{blob.ErrWrongKey, "cli.wrongkey"}, {crawler.ErrNoContact, "cli.nocontact"}, {search.ErrUnavailable, "cli.noindex"},
		{pipeline.ErrReindexing, "cli.reindex.busy"}, {pipeline.ErrNoOld, "cli.reindex.noold"},
	} {
		if errors.Is(err, k.is) {
			return e.T(k.key, "detail", strings.TrimSuffix(err.Error(), ": "+k.is.Error()))
		}
	}
	if at, ok := errors.AsType[*fs.PathError](err); ok {
		switch {
		case errors.Is(err, fs.ErrPermission):
			return e.T("cli.permission", "path", at.Path)
		case errors.Is(err, fs.ErrNotExist):
			return e.T("cli.nofile", "path", at.Path)
		case errors.Is(err, fs.ErrExist):
			return e.T("cli.filethere", "path", at.Path)
		}
	}
	return err.Error()
}
