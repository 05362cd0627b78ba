package cli

import (
	"errors"
	"io/fs"

	"xunqin/cmd/xunqin/internal/app"
	"xunqin/crawler"
	"xunqin/pipeline"
	"xunqin/pipeline/blob"
	"xunqin/pipeline/photo"
	"xunqin/pipeline/record"
)

// explain says an error to a person: what happened, what was saved, what to do. What the catalog has no words for is said as
// it is.
func (e *Env) explain(err error) string {
	if m, ok := errors.AsType[interface {
		error
		Message(lang string) string
	}](err); ok {
		return m.Message(e.Lang)
	}
	if refusal, ok := errors.AsType[*crawler.Refusal](err); ok {
		return e.T("cli.refused", "name", refusal.Name, "detail", refusal.Error())
	}
	if bad, ok := errors.AsType[*photo.Refused](err); ok {
		return e.T("cli.photo", "reason", bad.Reason)
	}
	if bad, ok := errors.AsType[*pipeline.SourceError](err); ok {
		return e.T("cli.source", "field", bad.Field, "detail", bad.Detail)
	}
	for _, k := range []struct {
		is  error
		key string
	}{
		{record.ErrNewer, "cli.newer"}, {record.ErrExists, "cli.exists"}, {record.ErrStale, "cli.stale"}, {record.ErrNotFound, "cli.notfound"}, {app.ErrInUse, "cli.inuse"},
		{blob.ErrWrongKey, "cli.wrongkey"}, {crawler.ErrNoContact, "cli.nocontact"}, {fs.ErrPermission, "cli.permission"},
	} {
		if errors.Is(err, k.is) {
			return e.T(k.key, "detail", err.Error())
		}
	}
	return err.Error()
}
