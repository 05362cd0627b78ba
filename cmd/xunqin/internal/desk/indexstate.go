package desk

import (
	"math"
	"time"

	"xunqin/cmd/xunqin/internal/locale"
	"xunqin/pipeline"
)

// IndexView is what people are told when the index is not all it should be; its zero value says that it is.
type IndexView struct {
	Down, DownPhoto, Stuck locale.Moment // since when it does not answer words, photos, or takes in no changes
	UpTo                   locale.Moment // what was seen until then is in it
	Behind, Waiting        int64         // changes it lacks, -1 for unknown; posts and reports not yet compared
	Partial                bool
	Answered, Parts        int // of it that answered, and all; 0: nobody knows

	// Of a search by words.
	Record bool          // the record itself was read
	To     locale.Moment // back to then; none: all of it

	// Of a search by photo.
	NoPhotos  bool
	Forgotten bool // a picture was sent, and is gone
}

func (p *Page) indexView(s pipeline.IndexState) IndexView {
	v := IndexView{Down: p.At(s.Down), DownPhoto: p.At(s.DownPhoto), Stuck: p.At(s.Stuck), Behind: s.Behind, Waiting: s.Waiting}
	if s.Behind != 0 {
		v.UpTo = p.At(s.UpTo)
	}
	return v
}

// indexBehind is of an index that answers but has not taken in everything.
func (p *Page) indexBehind(behind int64, upTo time.Time) IndexView {
	return IndexView{Behind: behind, UpTo: p.At(upTo)}
}

func (p *Page) indexOfWords(a pipeline.WordAnswer) IndexView {
	v := p.indexBehind(a.Behind, a.UpTo)
	if a.Record != nil {
		v = p.indexView(a.Record.Index)
		v.Down, v.Record, v.To = p.At(a.Record.Down), true, p.At(a.Record.To)
	}
	if v.Partial = a.Partial; a.Partial {
		v.Answered, v.Parts = parts(a.Missing)
	}
	return v
}

// parts writes a share that is missing as parts that are there, of the least number of parts that can be; 0, 0 if that is none or
// all.
func parts(missing float64) (there, of int) {
	for of = 2; of <= 1000; of++ {
		gone := missing * float64(of)
		if n := math.Round(gone); math.Abs(gone-n) < 1e-6*float64(of) && n > 0 && n < float64(of) {
			return of - int(n), of
		}
	}
	return 0, 0
}

func (p *Page) indexOfPhotos(s pipeline.IndexState) IndexView {
	v := p.indexView(s)
	v.NoPhotos = !s.DownPhoto.IsZero()
	return v
}
