package elastic

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"xunqin/search"
)

// A Shelf keeps generations under one name in a cluster. Which of them is which is said by three aliases, changed in one
// request: the name itself, the name and -old, the name and -next. So all processes on one record see the same.
type Shelf struct{ Config Config }

var _ search.Shelf = Shelf{}

// Engine implements search.Shelf.
func (s Shelf) Engine() string { return "elastic" }

const (
	oldAlias  = "-old"
	nextAlias = "-next"
)

// with runs do on a connection of its own.
func (s Shelf) with(what string, do func(x *Index) error) error {
	x, err := connect(s.Config)
	if err == nil {
		err = errors.Join(do(x), x.Close())
	}
	if err != nil {
		return fmt.Errorf("%s search index: %w", what, err)
	}
	return nil
}

// Generations implements search.Shelf.
func (s Shelf) Generations(ctx context.Context) (g search.Generations, err error) {
	err = s.with("look for", func(x *Index) error {
		g, err = x.generations(ctx)
		return err
	})
	return g, err
}

// generations reads aliases and what stands in _meta. Where an alias has got two indices, of processes that made one at once,
// the first of them is meant.
func (x *Index) generations(ctx context.Context) (g search.Generations, err error) {
	for _, at := range []struct {
		alias string
		to    *search.Generation
	}{{x.cfg.Index, &g.Current}, {x.cfg.Index + oldAlias, &g.Old}, {x.cfg.Index + nextAlias, &g.Next}} {
		var indices map[string]struct {
			Mappings struct {
				Meta meta `json:"_meta"`
			}
		}
		_, err := x.do(ctx, esapi.IndicesGetMappingRequest{Index: []string{at.alias}}, &indices)
		if errors.Is(err, ErrMissing) {
			continue
		}
		if err != nil {
			return g, err
		}
		for name, i := range indices {
			if err := i.Mappings.Meta.ours(x.cfg.Owner); err != nil {
				return g, err
			}
			if at.to.Name == "" || name < at.to.Name {
				*at.to = search.Generation{Name: name, Began: i.Mappings.Meta.Began, From: i.Mappings.Meta.From}
			}
		}
	}
	return g, nil
}

// meta is what an index says of itself.
type meta struct {
	Application, Owner string
	Began              time.Time
	From               int64
}

func (m meta) ours(owner string) error {
	switch {
	case m.Application != "xunqin":
		return ErrForeign
	case m.Owner != owner:
		return ErrOwner
	}
	return nil
}

// Open implements search.Shelf.
func (s Shelf) Open(ctx context.Context, name string) (search.Index, error) {
	x, err := s.open(ctx, name)
	if errors.Is(err, ErrOutdated) || errors.Is(err, ErrMissing) {
		return nil, fmt.Errorf("%w: %w", search.ErrRebuild, err)
	}
	if err != nil { // not a nil pointer in an interface
		return nil, err
	}
	return x, nil
}

func (s Shelf) open(ctx context.Context, name string) (*Index, error) {
	if name == "" {
		return Open(ctx, s.Config)
	}
	x, err := connect(s.Config)
	if err != nil {
		return nil, fmt.Errorf("open search index: %w", err)
	}
	x.name = name
	if err = x.identify(ctx); err == nil {
		_, err = x.look(ctx)
	}
	if err == nil {
		var g search.Generations
		g, err = x.generations(ctx)
		x.building = g.Next.Name == name
	}
	if err != nil {
		return nil, fmt.Errorf("open search index: %w", errors.Join(err, x.Close()))
	}
	x.opened = true
	return x, nil
}

// Begin implements search.Shelf.
func (s Shelf) Begin(ctx context.Context, now time.Time, from int64) error {
	return s.with("begin", func(x *Index) error {
		if err := x.identify(ctx); err != nil {
			return err
		}
		g, err := x.generations(ctx)
		if err != nil {
			return err
		}
		if err := x.drop(ctx, g.Next.Name); err != nil {
			return err
		}
		if err := x.tidy(ctx); err != nil {
			return err
		}
		name := x.cfg.Index + "-" + strings.ToLower(rand.Text()[:12])
		// One copy is enough of what can be built again.
		return x.create(ctx, name, x.cfg.Index+nextAlias, object{"number_of_replicas": 0}, object{"began": now.UTC(), "from": from})
	})
}

// Promote implements search.Shelf.
func (s Shelf) Promote(ctx context.Context, next search.Index) (search.Index, error) {
	return s.exchange(ctx, next, func(g search.Generations) ([]object, string, error) {
		index := s.Config.index()
		if g.Next.Name == "" {
			return nil, "", ErrMissing
		}
		actions := []object{
			{"add": object{"index": g.Next.Name, "alias": index}},
			{"remove": object{"index": g.Next.Name, "alias": index + nextAlias}},
		}
		if g.Current.Name != "" {
			actions = append(actions, object{"remove": object{"index": g.Current.Name, "alias": index}}, object{"add": object{"index": g.Current.Name, "alias": index + oldAlias}})
		}
		if g.Old.Name != "" {
			actions = append(actions, object{"remove": object{"index": g.Old.Name, "alias": index + oldAlias}})
		}
		return actions, g.Next.Name, nil
	})
}

// Back implements search.Shelf.
func (s Shelf) Back(ctx context.Context, old search.Index) (search.Index, error) {
	return s.exchange(ctx, old, func(g search.Generations) ([]object, string, error) {
		index := s.Config.index()
		if g.Old.Name == "" || g.Current.Name == "" {
			return nil, "", ErrMissing
		}
		return []object{
			{"add": object{"index": g.Old.Name, "alias": index}},
			{"remove": object{"index": g.Old.Name, "alias": index + oldAlias}},
			{"remove": object{"index": g.Current.Name, "alias": index}},
			{"add": object{"index": g.Current.Name, "alias": index + oldAlias}},
		}, g.Old.Name, nil
	})
}

// exchange changes the aliases and opens what the name means then. Where the answer to the change is lost, it looks whether
// it was made.
func (s Shelf) exchange(ctx context.Context, x search.Index, change func(search.Generations) (actions []object, name string, err error)) (search.Index, error) {
	err := s.with("exchange", func(c *Index) error {
		g, err := c.generations(ctx)
		if err != nil {
			return err
		}
		actions, name, err := change(g)
		if err != nil {
			return err
		}
		b, err := body(object{"actions": actions})
		if err != nil {
			return err
		}
		if name == g.Next.Name {
			if err := c.finish(ctx, name); err != nil {
				return err
			}
		}
		if _, err := c.do(ctx, esapi.IndicesUpdateAliasesRequest{Body: b}, nil); err != nil {
			now, again := c.generations(context.WithoutCancel(ctx))
			if again != nil || now.Current.Name != name {
				return err
			}
		}
		_ = c.tidy(context.WithoutCancel(ctx)) // it is exchanged; the next one drops what this could not
		return nil
	})
	if err != nil {
		return x, err
	}
	now, err := Open(ctx, s.Config)
	if err != nil {
		return x, err
	}
	return now, x.Close()
}

// finish makes of an index that was being built one that answers.
func (x *Index) finish(ctx context.Context, name string) error {
	b, err := body(object{"index": object{"number_of_replicas": x.cfg.Replicas}})
	if err != nil {
		return err
	}
	if _, err := x.do(ctx, esapi.IndicesPutSettingsRequest{Index: []string{name}, Body: b}, nil); err != nil {
		return err
	}
	x.name = name
	return x.show(ctx)
}

// Drop implements search.Shelf.
func (s Shelf) Drop(ctx context.Context, name string) error {
	return s.with("drop", func(x *Index) error {
		g, err := x.generations(ctx)
		if err != nil {
			return err
		}
		for _, own := range []string{g.Current.Name, g.Old.Name, g.Next.Name} {
			if own == name {
				return x.drop(ctx, name)
			}
		}
		return nil
	})
}

// drop deletes an index with all its aliases.
func (x *Index) drop(ctx context.Context, name string) error {
	if name == "" {
		return nil
	}
	if _, err := x.do(ctx, esapi.IndicesDeleteRequest{Index: []string{name}}, nil); err != nil && !errors.Is(err, ErrMissing) {
		return err
	}
	return nil
}

// Tidy implements search.Shelf. It drops the indices of this name that no alias names: what was left where dropping them failed.
func (s Shelf) Tidy(ctx context.Context) error {
	return s.with("tidy", func(x *Index) error { return x.tidy(ctx) })
}

func (x *Index) tidy(ctx context.Context) error {
	var indices map[string]struct {
		Mappings struct {
			Meta meta `json:"_meta"`
		}
	}
	if _, err := x.do(ctx, esapi.IndicesGetMappingRequest{Index: []string{x.cfg.Index + "-*"}}, &indices); err != nil {
		return err
	}
	named, err := x.named(ctx)
	if err != nil {
		return err
	}
	for name, i := range indices {
		rest := strings.TrimPrefix(name, x.cfg.Index+"-")
		if i.Mappings.Meta.ours(x.cfg.Owner) != nil || slices.Contains(named, name) || strings.Contains(rest, "-") {
			continue
		}
		if err := x.drop(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// named are the indices that have one of the aliases.
func (x *Index) named(ctx context.Context) (names []string, err error) {
	for _, alias := range []string{x.cfg.Index, x.cfg.Index + oldAlias, x.cfg.Index + nextAlias} {
		var indices map[string]any
		_, err := x.do(ctx, esapi.IndicesGetAliasRequest{Name: []string{alias}}, &indices)
		var answer *Error
		if errors.As(err, &answer) && answer.Status == http.StatusNotFound {
			continue
		}
		if err != nil {
			return nil, err
		}
		for name := range indices {
			names = append(names, name)
		}
	}
	return names, nil
}

// Drop deletes all generations of a name with their aliases, as where the record lies is given up.
func Drop(ctx context.Context, cfg Config) error {
	return Shelf{cfg}.with("drop", func(x *Index) error {
		names, err := x.named(ctx)
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := x.drop(ctx, name); err != nil {
				return err
			}
		}
		return nil
	})
}
