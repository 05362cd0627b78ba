package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"xunqin/pipeline"
	"xunqin/search"
	"xunqin/search/elastic"
	"xunqin/search/embedded"
)

// Engines of the index.
const (
	Embedded = "embedded"
	Elastic  = "elastic"
)

// openIndex opens the index; one that is damaged or of other rules is thrown away, and following the record builds it anew. A
// server that does not answer is waited for by whatever needs it.
func (a *App) openIndex(ctx context.Context) error {
	if err := a.openShelves(); err != nil {
		return err
	}
	for _, shelf := range a.shelves { // what was left by a process that was killed holds texts that an erasure would not reach
		if err := shelf.Tidy(ctx); err != nil && !errors.Is(err, search.ErrUnavailable) {
			return a.indexTrouble(err)
		}
	}
	x, err := a.openCurrent(ctx, a.shelves[0])
	if err != nil {
		return a.indexTrouble(err)
	}
	a.Index = search.NewSwitch(x)
	a.close = append(a.close, a.Index.Close)
	info, err := x.Info(ctx)
	if errors.Is(err, search.ErrUnavailable) {
		a.Log.Warn("the index does not answer", "err", err)
		return nil
	}
	if err != nil {
		return err
	}
	if last, err := a.Records.LastChange(ctx, nil); err != nil {
		return err
	} else if info.Seq > last {
		where := a.indexFile()
		if a.Options.Index == Elastic {
			where = a.Options.ElasticIndex
		}
		return &Trouble{Code: "index-other", Detail: where}
	}
	return nil
}

// openShelves finds where indexes may be, that which answers first. Of Elasticsearch something is known if a host is.
func (a *App) openShelves() error {
	a.shelves = []search.Shelf{embedded.Shelf{Path: a.indexFile()}}
	if len(a.Options.ElasticHost) == 0 && a.Options.Index != Elastic {
		return nil
	}
	cfg, err := a.elastic()
	if err != nil {
		return err
	}
	a.shelves = append(a.shelves, elastic.Shelf{Config: cfg})
	if a.Options.Index == Elastic {
		slices.Reverse(a.shelves)
	}
	return nil
}

func (a *App) openCurrent(ctx context.Context, shelf search.Shelf) (search.Index, error) {
	x, err := shelf.Open(ctx, "")
	if !errors.Is(err, search.ErrRebuild) {
		return x, err
	}
	a.Log.Warn("the index is built anew", "why", err)
	g, err := shelf.Generations(ctx)
	if err != nil {
		return nil, err
	}
	if err := shelf.Drop(ctx, g.Current.Name); err != nil {
		return nil, err
	}
	return shelf.Open(ctx, "")
}

// Reindex builds an index beside the one that answers, see [pipeline.Pipeline.Reindex].
func (a *App) Reindex(ctx context.Context, engine string, progress func(pipeline.Progress)) (pipeline.Rebuilt, error) {
	r, err := a.Pipeline.Reindex(ctx, engine, progress)
	if errors.Is(err, pipeline.ErrNoEngine) {
		err = &Trouble{Code: "no-engine", Detail: engine, Err: err}
	}
	return r, a.indexTrouble(err)
}

// Back lets the index answer again that was kept, see [pipeline.Pipeline.Back].
func (a *App) Back(ctx context.Context) (pipeline.Rebuilt, error) {
	r, err := a.Pipeline.Back(ctx)
	return r, a.indexTrouble(err)
}

func (a *App) indexFile() string { return filepath.Join(a.Options.Data, "index.db") }

// elastic is where the index in Elasticsearch is. Its owner are the keys: of two installations that name one index in one
// cluster the second is turned away.
func (a *App) elastic() (elastic.Config, error) {
	o := a.Options
	cfg := elastic.Config{
		Hosts: o.ElasticHost, User: o.ElasticUser, CAFile: o.ElasticCA, Index: o.ElasticIndex, Shards: o.ElasticShards, Replicas: o.ElasticReplicas,
		Owner: a.Keys.Pseudonym("index", "owner"),
	}
	for _, secret := range []struct {
		file string
		to   *string
	}{{o.ElasticPasswordFile, &cfg.Password}, {o.ElasticAPIKeyFile, &cfg.APIKey}} {
		if secret.file == "" {
			continue
		}
		b, err := os.ReadFile(secret.file)
		if err != nil {
			return cfg, fmt.Errorf("secret of Elasticsearch: %w", err)
		}
		*secret.to = strings.TrimSpace(string(b))
	}
	return cfg, nil
}

// indexTrouble makes of an error one that whoever runs the program can mend.
func (a *App) indexTrouble(err error) error {
	for _, t := range []struct {
		is     error
		code   string
		detail string
	}{
		{elastic.ErrDenied, "elastic-denied", ""}, {elastic.ErrProduct, "elastic-product", ""}, {elastic.ErrServerOld, "elastic-old", ""},
		{elastic.ErrForeign, "elastic-foreign", a.Options.ElasticIndex}, {elastic.ErrOwner, "index-other", a.Options.ElasticIndex}, {elastic.ErrNewer, "elastic-newer", a.Options.ElasticIndex},
	} {
		if errors.Is(err, t.is) {
			return &Trouble{Code: t.code, Detail: t.detail, Err: err}
		}
	}
	if errors.Is(err, elastic.ErrConfig) {
		return &Trouble{Code: "elastic-config", Detail: strings.TrimSuffix(err.Error(), ": "+elastic.ErrConfig.Error()), Err: err}
	}
	return err
}
