package feature

import (
	"image"
	"math"

	"xunqin/search"
)

// Kinds of a match, in the words stored with a lead. The first six are of one picture; Scene and Layout are not, and look as if.
const (
	Edited   = "edited"   // the whole picture, redrawn: recompressed, resized, recoloured, drawn over
	Mirrored = "mirrored" // the whole picture the other way round
	Turned   = "turned"   // the whole picture turned
	Part     = "part"     // a part of the known picture
	Inside   = "inside"   // the known picture within a larger one: a poster, a collage, a screenshot
	Print    = "print"    // the known picture seen at an angle: a photo of a print or of a screen

	Scene  = "scene"  // the same thing or place, another shot
	Layout = "layout" // the same poster or frame, another photo in it
)

// A Match says how two pictures belong together.
type Match struct {
	Kind     string
	Mirrored bool // the one shows the other mirrored, whatever the kind
	// Query and Known outline the same area in pixels of each picture: what of the known picture the query shows. They begin at
	// the area's top left as the known picture has it, and go round with the clock there.
	Query, Known [4]image.Point
	// ToKnown and ToQuery map pixels of the one picture to the other: (m0 x + m1 y + m2, m3 x + m4 y + m5). For a picture seen
	// at an angle they are good at the middle of the area and worse at its edges; the outlines hold the perspective too.
	ToKnown, ToQuery [6]float64
	View             image.Rectangle // part of the query in which the known picture was found
	Evidence         Evidence
}

// Evidence is what a match rests on. It is for tests and for choosing settings; no number of it is for people.
type Evidence struct {
	Bits     int     `json:"bits"`     // in which fingerprints differ, where those decided
	Ties     int     `json:"ties"`     // pairs of features that look alike
	Support  int     `json:"support"`  // of them, those that agree on where everything lies, at most two in one spot
	Error    float64 `json:"error"`    // how far off those are on average, in 512ths of the known picture's long side
	Alike    float64 `json:"alike"`    // correlation of brightness in the best two thirds of the blocks laid over each other
	Agreeing float64 `json:"agreeing"` // part of the blocks with something in them that correlate
	Against  float64 `json:"against"`  // part of the area that is one patch of something else
	Differs  float64 `json:"differs"`  // part of the blocks in the middle with something in them in both that do not correlate
	Astray   float64 `json:"astray"`   // features that lie near their places and not in them, to those that lie in them
	Seen     float64 `json:"seen"`     // part of the area that has something in it and correlates
	Shade    float64 `json:"shade"`    // correlation of the plain blocks' brightness
	Inside   float64 `json:"inside"`   // part of the known picture that the query shows
	Covered  float64 `json:"covered"`  // part of the query, or its view, that the known picture fills
	Turn     float64 `json:"turn"`     // degrees
	Stretch  float64 `json:"stretch"`  // longer to shorter side of what a square became
}

// A Prepared picture is ready to be compared.
type Prepared struct {
	size     image.Point // of the picture that parts and outlines are measured in
	gray     *image.Gray // a query's, which a known picture does not keep
	views    []view
	picture  picture
	mirrored picture
}

// A view is what is known of one part of a picture.
type view struct {
	probe           Probe
	part            image.Rectangle
	box             box
	plain, mirrored points
}

// A Probe is a view of a query as an index takes it: its features, and those it has when mirrored.
type Probe struct{ Plain, Mirrored search.Features }

// Reference prepares a known picture from what is stored of it: its size, its features, and its brightness at any scale, such
// as the luma of a derivative or the small grey picture kept after it. Without brightness, or without features, nothing is
// found.
func Reference(size image.Point, g *image.Gray, all ...search.Features) Prepared {
	p := Prepared{size: size}
	if g == nil || g.Rect.Empty() {
		return p
	}
	p.picture = pictureOf(planeOf(g, g.Rect))
	for _, f := range all {
		if f.Algo == search.OrientedBinary {
			p.views = append(p.views, view{part: f.Part, plain: pointsOf(f, max(size.X, size.Y))})
		}
	}
	return p
}

// Query prepares a picture to be looked for: all of it, and parts of it that may be photos of their own. size is that of the
// picture, in whose pixels outlines will be, and g its brightness at any scale, kept and not to be changed; parts are in g's
// pixels. The long side of g should be 1,280 where the picture has as many pixels, for a photo may be a small part of it.
func Query(size image.Point, g *image.Gray, parts ...image.Rectangle) Prepared {
	whole := planeOf(g, g.Rect)
	p := Prepared{size: size}
	if whole.w == 0 || size.X < 1 || size.Y < 1 {
		return p
	}
	p.gray = &image.Gray{Pix: whole.pix, Stride: whole.w, Rect: image.Rect(0, 0, whole.w, whole.h)}
	p.picture, p.mirrored = pictureOf(whole), pictureOf(whole.flipped())
	var d detector
	p.look(&d, p.gray.Rect)
	for _, part := range parts {
		p.look(&d, part.Sub(g.Rect.Min))
	}
	return p
}

// look adds a view.
func (p *Prepared) look(d *detector, part image.Rectangle) {
	part = part.Intersect(p.gray.Rect)
	if part.Empty() {
		return
	}
	w, h := p.gray.Rect.Dx(), p.gray.Rect.Dy()
	long := max(w, h)
	var v view
	v.part, v.box = part, boxOf(part, long)
	v.probe.Plain, v.probe.Mirrored = d.detect(p.gray, part, QuerySide, QueryPoints, true)
	v.probe.Mirrored.Part = image.Rect(w-part.Max.X, part.Min.Y, w-part.Min.X, part.Max.Y)
	v.plain, v.mirrored = pointsOf(v.probe.Plain, long), pointsOf(v.probe.Mirrored, long)
	p.views = append(p.views, v)
}

// Windows returns the query with overlapping windows in place of its views. Text and background around a photo use up the
// points of the whole picture; a window gives the photo its share. It costs six views and is for when nothing was found.
func (p Prepared) Windows() Prepared {
	p.views = nil
	if p.gray == nil {
		return p
	}
	w, h := p.gray.Rect.Dx(), p.gray.Rect.Dy()
	across, down := 2, 3
	if w > h {
		across, down = 3, 2
	}
	var d detector
	for y := range down {
		for x := range across {
			at := image.Pt(x*(w-w*6/10)/(across-1), y*(h-h*6/10)/(down-1))
			p.look(&d, image.Rect(0, 0, w*6/10, h*6/10).Add(at))
		}
	}
	return p
}

// Probes returns the query's views for an index to find candidates by.
func (p Prepared) Probes() []Probe {
	out := make([]Probe, len(p.views))
	for i, v := range p.views {
		out[i] = v.probe
	}
	return out
}

// Compare reports whether the query shows the known picture, or a part of it. Where it does not, the match may still have a kind,
// Scene or Layout, and an outline: much is the same, and yet it is not the same picture. Otherwise it is the zero Match.
//
// It looks where it is told to, in the order given, such as where a Candidate has its votes; otherwise in every view, as it is and
// mirrored. It costs some half a millisecond a place.
func Compare(query, known Prepared, where ...Place) (Match, bool) {
	if len(where) == 0 {
		where = query.everywhere()
	}
	var best finding
	for _, at := range where {
		if at.View < 0 || at.View >= len(query.views) {
			continue
		}
		f := query.find(at.View, at.Mirrored, known)
		if f.over(best) {
			best = f
		}
		if best.verdict == same && best.Support >= 2*plenty && best.Alike > surelyAlike {
			return query.match(best, known), true
		}
	}
	if best.verdict == nothing {
		return Match{}, false
	}
	return query.match(best, known), best.verdict == same
}

// A finding is the best that one view of the query has to say.
type finding struct {
	Evidence
	plan     plan
	view     int
	mirrored bool
	verdict  verdict
}

type verdict int

const (
	nothing verdict = iota
	scene
	layoutOnly
	same
)

// over reports whether f says more than g.
func (f finding) over(g finding) bool {
	if (f.verdict == same) != (g.verdict == same) {
		return f.verdict == same
	}
	if (f.verdict == nothing) != (g.verdict == nothing) {
		return f.verdict != nothing
	}
	weight := func(f finding) float64 { return product(f.Alike, float64(min(f.Support, 2*plenty))) }
	return weight(f) > weight(g)
}

func (p *Prepared) find(i int, mirrored bool, known Prepared) (best finding) {
	v := &p.views[i]
	pts, pic, part := v.plain, p.picture, v.box
	if mirrored {
		pts, pic = v.mirrored, p.mirrored
		part.min.x, part.max.x = pic.size.x-v.box.max.x, pic.size.x-v.box.min.x
	}
	for _, k := range known.views {
		all := ties(pts, k.plain)
		for _, l := range layouts(all) {
			if l.support < enough {
				continue
			}
			o, ok := overlaid(pic, known.picture, part, l.plan)
			if !ok {
				continue
			}
			f := finding{plan: l.plan, view: i, mirrored: mirrored, Evidence: Evidence{
				Ties: len(all), Support: l.support, Error: l.off(),
				Alike: o.alike, Agreeing: o.agreeing, Against: o.against, Differs: o.differs, Seen: o.seen, Shade: o.shade,
				Inside: o.inside, Covered: o.covered,
			}}
			m := l.local(o.middle)
			_, f.Stretch = stretch(m)
			f.Astray = l.astray(all, pts, k.plain)
			f.Turn = math.Round(math.Atan2(m[2]-m[1], m[0]+m[3])*180/math.Pi*100) / 100 // the arc's last bits are the machine's
			f.verdict = f.judge()
			if f.over(best) {
				best = f
			}
			if best.verdict == same {
				return best
			}
		}
	}
	return best
}

// The rules below were chosen on half of the photos of the exam, on edits of them, on shots of the same things on the same table,
// and on posters of one layout with different photos.
const (
	enough       = 8  // ties that agree, with surelyAlike
	plenty       = 10 // with likelyAlike
	surelyAlike  = 0.7
	likelyAlike  = 0.55
	maxError     = 2.2  // what a plan is off by when it is the right one: 0.5 to 1.8
	maxAgainst   = 0.25 // a banner hides 0.15 of a picture; the photo of a poster is 0.3 and more of it
	minAgreeing  = 0.5
	scarce       = 0.62 // where less than this can be seen to agree, one thing on a plain ground may be all that does
	scarceTurned = 0.7
	veryScarce   = 0.42
	scarceError  = 1.5
	scarceShade  = 0.6
	fewAgainst   = 0.07 // where little agrees, as little may be against it
	mostAgreeing = 0.68
	nearlyAll    = 0.9
	minInside    = 0.08 // of a known picture; less looks like many things
	plainDiffers = 0.14 // of the middle, or with plainAstray as much less of either as there is of the other: another photo
	plainAstray  = 0.3  // or another shot, whose things lie near the places they had in the first
	hardlyAstray = 0.02
	smallPart    = 0.3 // of a known picture; nobody cuts so little out and turns it by more than smallTurn
	smallTurn    = 20
	bareCut      = 0.35 // a thing on a plain ground that fills no more than this is the same from nearer or farther
	bareInside   = 0.8
	// Where so many features agree and nothing is against it, a plain ground is no reason for doubt: other shots of one thing were
	// never seen with more than 49.
	many        = 50
	manyAlike   = 0.75
	manyAgree   = 0.6
	manyAgainst = 0.12
	manyShade   = 0.95
	manyError   = 1.3

	contained    = 0.93 // of a picture that was cropped, or of one that was put into another
	containedAll = 0.97
)

// judge decides. Features that agree and blocks that correlate are not enough: another shot of a thing lying on a table agrees
// wherever the thing is, and a poster of the same make agrees in all its text. Copying does the same to a whole picture, and
// leaves one of the two within the other.
func (e Evidence) judge() verdict {
	switch {
	case e.Alike < likelyAlike || e.Support < enough || e.Support < plenty && e.Alike < surelyAlike:
		return nothing
	case e.Error > 2*maxError || e.Inside < minInside:
		return nothing
	case e.Error > maxError:
		return scene
	case e.Against > maxAgainst:
		return layoutOnly
	case e.Agreeing < minAgreeing:
		return scene
	case e.Differs/plainDiffers+e.Astray/plainAstray > 1:
		if e.Differs/plainDiffers > e.Astray/plainAstray {
			return layoutOnly
		}
		return scene
	case e.Inside < smallPart && math.Abs(e.Turn) > smallTurn:
		return scene
	case e.Seen < bareCut && min(e.Inside, e.Covered) < bareInside:
		return scene
	case e.Support >= many && e.Alike >= manyAlike && e.Agreeing >= manyAgree && e.Against <= manyAgainst && e.Shade >= manyShade && e.Error <= manyError:
		return same
	case e.Seen >= scarceTurned || e.Seen >= scarce && e.upright():
		return same
	case e.Seen >= scarce:
		return scene
	case e.Against > fewAgainst && e.Agreeing < mostAgreeing:
		return layoutOnly
	case e.Seen < veryScarce && (e.Shade < scarceShade || e.Error > scarceError):
		return scene
	case max(e.Inside, e.Covered) < contained:
		return scene
	case !e.upright() && (e.Inside < containedAll || e.Agreeing < nearlyAll && e.Astray > hardlyAstray):
		return scene
	}
	return same
}

// upright reports a turn by nothing or by quarters, within a few degrees.
func (e Evidence) upright() bool {
	t := math.Mod(e.Turn+360+45, 90) - 45
	return math.Abs(t) <= 3
}

// off returns how far from their places the ties are on average.
func (l layout) off() float64 {
	sum := 0.0
	for _, t := range l.ties {
		at, _ := l.at(t.from)
		sum += at.distance(t.to)
	}
	return sum / float64(max(1, len(l.ties)))
}

// match describes a finding in pixels.
func (p *Prepared) match(f finding, known Prepared) Match {
	m := Match{Mirrored: f.mirrored, View: p.scaled(p.views[f.view].part), Evidence: f.Evidence}
	// Everything below is in units first; plan leads from the query as it is, mirrored or not.
	toKnown := f.plan
	if f.mirrored {
		if q, ok := toKnown.after(plan{-1, 0, p.picture.size.x, 0, 1, 0}); ok {
			toKnown = q
		}
	}
	toQuery, _ := toKnown.inverse()
	area := p.shown(f, known.picture.size)
	kpx, qpx := pixels(known.size), pixels(p.size)
	for i, v := range area {
		m.Known[i] = point(v, kpx)
		at, _ := toQuery.at(v)
		m.Query[i] = point(at, qpx)
	}
	m.ToQuery = around(toQuery, middleOf(area), kpx, qpx)
	at, _ := toQuery.at(middleOf(area))
	m.ToKnown = around(toKnown, at, qpx, kpx)
	m.Kind = f.kind(toQuery, area, share(m.Query, p.size))
	return m
}

// scaled returns a part of a query in pixels of its picture.
func (p *Prepared) scaled(r image.Rectangle) image.Rectangle {
	w, h := p.gray.Rect.Dx(), p.gray.Rect.Dy()
	return image.Rect(r.Min.X*p.size.X/w, r.Min.Y*p.size.Y/h, (r.Max.X*p.size.X+w-1)/w, (r.Max.Y*p.size.Y+h-1)/h)
}

// shown returns the corners of what of the known picture the view may show: all of it, or the box around the view's corners.
func (p *Prepared) shown(f finding, size vec) [4]vec {
	part := p.views[f.view].box
	if f.mirrored {
		w := p.picture.size.x
		part.min.x, part.max.x = w-part.max.x, w-part.min.x
	}
	over := box{vec{math.Inf(1), math.Inf(1)}, vec{math.Inf(-1), math.Inf(-1)}}
	for _, v := range part.corners() {
		at, _ := f.plan.at(v)
		over.min = vec{min(over.min.x, at.x), min(over.min.y, at.y)}
		over.max = vec{max(over.max.x, at.x), max(over.max.y, at.y)}
	}
	over.min = vec{max(over.min.x, 0), max(over.min.y, 0)}
	over.max = vec{min(over.max.x, size.x), min(over.max.y, size.y)}
	return over.corners()
}

// share returns the part of a picture that the box around an outline is.
func share(outline [4]image.Point, size image.Point) float64 {
	var r image.Rectangle
	for i, v := range outline {
		at := image.Rectangle{v, v.Add(image.Pt(1, 1))}
		if i == 0 {
			r = at
		}
		r = r.Union(at)
	}
	r = r.Intersect(image.Rectangle{Max: size})
	return float64(r.Dx()) / float64(size.X) * float64(r.Dy()) / float64(size.Y)
}

// kind names what was done to the known picture, the box around which is the given part of the query.
func (f finding) kind(toQuery plan, area [4]vec, fills float64) string {
	switch {
	case f.verdict == scene:
		return Scene
	case f.verdict == layoutOnly:
		return Layout
	case bent(toQuery, area) > 0.04:
		return Print
	case fills < 0.7:
		return Inside
	case f.Inside < 0.85:
		return Part
	case f.mirrored:
		return Mirrored
	case math.Abs(f.Turn) > 4:
		return Turned
	}
	return Edited
}

// bent returns how far from a parallelogram the outline is, as a part of its diagonal: a picture seen at an angle has no
// parallel sides.
func bent(p plan, area [4]vec) float64 {
	var c [4]vec
	for i, v := range area {
		c[i], _ = p.at(v)
	}
	off := vec{c[0].x + c[2].x - c[1].x - c[3].x, c[0].y + c[2].y - c[1].y - c[3].y}
	return math.Sqrt(off.square()) / max(c[0].distance(c[2]), c[1].distance(c[3]), 1)
}

func middleOf(c [4]vec) vec {
	return vec{(c[0].x + c[1].x + c[2].x + c[3].x) / 4, (c[0].y + c[1].y + c[2].y + c[3].y) / 4}
}

// pixels returns how many pixels a unit of a picture has.
func pixels(size image.Point) float64 { return float64(max(size.X, size.Y)) / unit }

func point(v vec, px float64) image.Point {
	const far = 1 << 20
	clip := func(f float64) int { return int(math.Round(max(-far, min(far, product(f, px))))) }
	return image.Pt(clip(v.x), clip(v.y))
}

// around returns p in pixels, as it is near v.
func around(p plan, v vec, from, to float64) [6]float64 {
	at, _ := p.at(v)
	m := p.local(v)
	s := to / from
	return [6]float64{
		product(m[0], s), product(m[1], s), product(at.x-product(m[0], v.x)-product(m[1], v.y), to),
		product(m[2], s), product(m[3], s), product(at.y-product(m[2], v.x)-product(m[3], v.y), to),
	}
}

func boxOf(r image.Rectangle, long int) box {
	u := func(v int) float64 { return product(unit, float64(v)) / float64(long) }
	return box{vec{u(r.Min.X), u(r.Min.Y)}, vec{u(r.Max.X), u(r.Max.Y)}}
}
