package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"xunqin/pipeline/record"
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
	open, where := a.openEmbedded, a.indexFile()
	if a.Options.Index == Elastic {
		open, where = a.openElastic, a.Options.ElasticIndex
	}
	x, err := open(ctx)
	if err != nil {
		return err
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
		return &Trouble{Code: "index-other", Detail: where}
	}
	return nil
}

// Reindex builds a new index beside the old one and switches to it when it is whole; searches go on with the old one until then.
func (a *App) Reindex(ctx context.Context, progress func(int)) (search.Info, error) {
	reindex := a.reindexEmbedded
	if a.Options.Index == Elastic {
		reindex = a.reindexElastic
	}
	if err := reindex(ctx, progress); err != nil {
		return search.Info{}, err
	}
	if err := a.Pipeline.Follow(ctx); err != nil {
		return search.Info{}, err
	}
	return a.Index.Info(ctx)
}

func (a *App) indexFile() string { return filepath.Join(a.Options.Data, "index.db") }

func (a *App) openEmbedded(ctx context.Context) (search.Index, error) {
	path := a.indexFile()
	x, err := embedded.Open(ctx, path)
	if errors.Is(err, embedded.ErrCorrupt) || errors.Is(err, embedded.ErrOutdated) {
		a.Log.Warn("the index is built anew", "why", err)
		if err := removeFiles(path, path+"-wal", path+"-shm"); err != nil {
			return nil, fmt.Errorf("index: %w", err)
		}
		x, err = embedded.Open(ctx, path)
	}
	if err != nil { // not a nil pointer in an interface
		return nil, err
	}
	return x, nil
}

func (a *App) reindexEmbedded(ctx context.Context, progress func(int)) error {
	path := a.indexFile()
	next := path + ".new"
	if err := removeFiles(next, next+"-wal", next+"-shm"); err != nil {
		return fmt.Errorf("reindex: %w", err)
	}
	fresh, err := embedded.Open(ctx, next)
	if err != nil {
		return err
	}
	if err := a.Pipeline.Rebuild(ctx, fresh, progress); err != nil {
		return errors.Join(err, fresh.Close())
	}
	if err := fresh.Close(); err != nil {
		return err
	}
	return a.Index.Swap(func() (search.Index, error) {
		if err := removeFiles(path+"-wal", path+"-shm"); err != nil {
			return nil, fmt.Errorf("reindex: %w", err)
		}
		if err := os.Rename(next, path); err != nil {
			return nil, fmt.Errorf("reindex: %w", err)
		}
		return embedded.Open(ctx, path)
	})
}

// removeFiles removes those that are there.
func removeFiles(paths ...string) error {
	for _, f := range paths {
		if err := os.Remove(f); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

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

func (a *App) openElastic(ctx context.Context) (search.Index, error) {
	cfg, err := a.elastic()
	if err != nil {
		return nil, err
	}
	x, err := elastic.Open(ctx, cfg)
	if errors.Is(err, elastic.ErrOutdated) {
		a.Log.Warn("the index is built anew", "why", err)
		if err := elastic.Drop(ctx, cfg); err != nil {
			return nil, err
		}
		x, err = elastic.Open(ctx, cfg)
	}
	if err != nil {
		return nil, elasticTrouble(err, cfg)
	}
	// What a reindex that was killed has left holds texts that an erasure would not reach. With other processes on the record it
	// may be the work of one of them, and goes with the next reindex.
	if a.Records.Dialect() == record.SQLite {
		if err := elastic.Tidy(ctx, cfg); err != nil && !errors.Is(err, search.ErrUnavailable) {
			return nil, errors.Join(elasticTrouble(err, cfg), x.Close())
		}
	}
	return x, nil
}

// elasticTrouble is an error that whoever runs the program can mend.
func elasticTrouble(err error, cfg elastic.Config) error {
	for _, t := range []struct {
		is     error
		code   string
		detail string
	}{
		{elastic.ErrDenied, "elastic-denied", ""}, {elastic.ErrProduct, "elastic-product", ""}, {elastic.ErrServerOld, "elastic-old", ""},
		{elastic.ErrForeign, "elastic-foreign", cfg.Index}, {elastic.ErrOwner, "index-other", cfg.Index}, {elastic.ErrNewer, "elastic-newer", cfg.Index},
		{elastic.ErrConfig, "elastic-config", strings.TrimSuffix(err.Error(), ": "+elastic.ErrConfig.Error())},
	} {
		if errors.Is(err, t.is) {
			return &Trouble{Code: t.code, Detail: t.detail, Err: err}
		}
	}
	return err
}

func (a *App) reindexElastic(ctx context.Context, progress func(int)) error {
	cfg, err := a.elastic()
	if err != nil {
		return err
	}
	if err := elastic.Tidy(ctx, cfg); err != nil {
		return elasticTrouble(err, cfg)
	}
	fresh, err := elastic.Fresh(ctx, cfg)
	if err != nil {
		return elasticTrouble(err, cfg)
	}
	if err := a.Pipeline.Rebuild(ctx, fresh, progress); err != nil {
		return errors.Join(err, fresh.Discard(context.WithoutCancel(ctx)), fresh.Close())
	}
	var failed error
	err = a.Index.Swap(func() (search.Index, error) {
		failed = errors.Join(fresh.Promote(ctx), fresh.Close())
		x, err := elastic.Open(ctx, cfg) // of what the name now means, the old one if it failed
		if err != nil {
			return nil, err
		}
		return x, nil
	})
	return errors.Join(failed, err)
}
