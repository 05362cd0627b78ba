package desk

import (
	"context"
	"time"

	"xunqin/cmd/xunqin/internal/locale"
	"xunqin/pipeline"
)

// indexesView is which indexes there are, for admins: that which answers, those beside it, and one that is being built.
type indexesView struct {
	Unknown bool // an engine does not say
	Engine  string
	Name    string
	Built   locale.Moment // none: it has grown with the record
	Beside  []indexLine

	Phase     string // of a building that goes on
	Done, All int64
	PerSecond int64
	Left      string
}

type indexLine struct {
	Engine, Place, Name string
	Built               locale.Moment
}

// enginePatience is how long an admin's page waits for engines to say what they keep.
const enginePatience = 3 * time.Second

func (s *Server) indexes(p *Page) (v indexesView) {
	ctx, cancel := context.WithTimeout(p.Context(), enginePatience)
	defer cancel()
	if len(s.Pipeline.Shelves) > 0 {
		v.Engine = s.Pipeline.Shelves[0].Engine()
	}
	current, beside, err := s.Pipeline.Shelved(ctx)
	if err != nil {
		s.Log.Warn("indexes", "err", err)
		v.Unknown = true
	}
	v.Name, v.Built = current.Name, p.At(current.Began)
	now, builds := s.Pipeline.Rebuilding()
	for _, b := range beside {
		if b.Place == pipeline.IndexNext && builds && b.Engine == now.Engine {
			continue // said below
		}
		v.Beside = append(v.Beside, indexLine{b.Engine, b.Place, b.Name, p.At(b.Began)})
	}
	if builds {
		v.Phase, v.Done, v.All, v.PerSecond = now.Phase, now.Done, now.Total, int64(now.PerSecond)
		if now.Left > 0 {
			v.Left = now.Left.String()
		}
	}
	return v
}
