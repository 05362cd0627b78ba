package feature

import (
	"fmt"
	"image"
	"math"
	"testing"

	"pgregory.net/rapid"

	"xunqin/search"
)

// turnedBy returns what a picture turned by some degrees on a white ground shows, and where its corners lie.
func turnedBy(m *image.Gray, degrees float64) (*image.Gray, [4]image.Point) {
	a := degrees * math.Pi / 180
	c, s := math.Cos(a), math.Sin(a)
	w, h := float64(m.Rect.Dx()), float64(m.Rect.Dy())
	W, H := math.Abs(w*c)+math.Abs(h*s), math.Abs(w*s)+math.Abs(h*c)
	ground := plainGround(int(W), int(H), 255)
	out := laid(ground, m, func(x, y float64) (float64, float64) {
		x, y = x-W/2, y-H/2
		return c*x + s*y + w/2, -s*x + c*y + h/2
	})
	var at [4]image.Point
	for i, v := range [4][2]float64{{0, 0}, {w, 0}, {w, h}, {0, h}} {
		x, y := v[0]-w/2, v[1]-h/2
		at[i] = image.Pt(int(c*x-s*y+W/2), int(s*x+c*y+H/2))
	}
	return out, at
}

func TestCompareNamesWhatWasDone(t *testing.T) {
	m := drawn(31, 720, 540)
	k := known(m)
	all := [4]image.Point{{0, 0}, {720, 0}, {720, 540}, {0, 540}}
	turned, turnedAt := turnedBy(m, 15)
	poster := laid(plainGround(900, 1000, 240), m, func(x, y float64) (float64, float64) { return (x - 120) / 0.8, (y - 200) / 0.8 })
	// A print seen from the side: what is far is smaller.
	print := laid(drawn(90, 900, 700), m, func(x, y float64) (float64, float64) {
		d := 0.85 + 0.0004*x
		return (x - 120) / d, (y-80)/d - 0.05*x
	})
	banner := sub(m, m.Rect)
	for i := 460 * 720; i < 540*720; i++ {
		banner.Pix[i] = 30
	}
	for name, want := range map[string]struct {
		q          *image.Gray
		kind       string
		mirrored   bool
		query, ref [4]image.Point
	}{
		"as it is":    {m, Edited, false, all, all},
		"with banner": {banner, Edited, false, all, all},
		"half size": {smaller(m, 360), Edited, false,
			[4]image.Point{{0, 0}, {360, 0}, {360, 270}, {0, 270}}, all},
		"mirrored": {mirror(m), Mirrored, true, [4]image.Point{{720, 0}, {0, 0}, {0, 540}, {720, 540}}, all},
		"turned":   {turned, Turned, false, turnedAt, all},
		"part": {sub(m, image.Rect(180, 60, 640, 440)), Part, false,
			[4]image.Point{{0, 0}, {460, 0}, {460, 380}, {0, 380}}, [4]image.Point{{180, 60}, {640, 60}, {640, 440}, {180, 440}}},
		"inside": {poster, Inside, false, [4]image.Point{{120, 200}, {696, 200}, {696, 632}, {120, 632}}, all},
		"print":  {print, Print, false, [4]image.Point{}, all},
	} {
		got, ok := Compare(query(want.q), k)
		if !ok || got.Kind != want.kind || got.Mirrored != want.mirrored {
			t.Errorf("%s: %v, %+v", name, ok, got)
			continue
		}
		if want.kind == Print {
			continue
		}
		for i := range 4 {
			if !close(got.Query[i], want.query[i]) || !close(got.Known[i], want.ref[i]) {
				t.Errorf("%s: outlined at %v and %v, is at %v and %v", name, got.Query, got.Known, want.query, want.ref)
				break
			}
			x, y := float64(want.ref[i].X), float64(want.ref[i].Y)
			to := got.ToQuery
			if at := image.Pt(int(to[0]*x+to[1]*y+to[2]), int(to[3]*x+to[4]*y+to[5])); !close(at, want.query[i]) {
				t.Errorf("%s: %v leads to %v, not %v", name, want.ref[i], at, want.query[i])
			}
			x, y = float64(want.query[i].X), float64(want.query[i].Y)
			to = got.ToKnown
			if at := image.Pt(int(to[0]*x+to[1]*y+to[2]), int(to[3]*x+to[4]*y+to[5])); !close(at, want.ref[i]) {
				t.Errorf("%s: %v leads back to %v, not %v", name, want.query[i], at, want.ref[i])
			}
		}
	}
}

func close(a, b image.Point) bool { d := a.Sub(b); return d.X*d.X+d.Y*d.Y <= 12*12 }

// The comparison, too, is the same on every machine, to the last bit.
func TestEvidenceOfDrawnPictures(t *testing.T) {
	poster := laid(plainGround(900, 1000, 240), drawn(31, 720, 540), func(x, y float64) (float64, float64) { return (x - 120) / 0.8, (y - 200) / 0.8 })
	for name, c := range map[string]struct {
		q    *image.Gray
		want string
	}{
		"inside": {poster, "304 72 0x1.0cddaec5ce5ap+00 0x1.fc3ff5a0d32e9p-01 0x1p+00 0x1.3fd596dc4f389p+00"},
		"part":   {sub(drawn(31, 720, 540), image.Rect(180, 60, 640, 440)), "278 43 0x1.c1f123256794bp-01 0x1.f92c39a385c7cp-01 0x1p+00 0x1.ff9aa8608453p-01"},
	} {
		m, _ := Compare(query(c.q), known(drawn(31, 720, 540)))
		e := m.Evidence
		got := fmt.Sprintf("%d %d %x %x %x %x", e.Ties, e.Support, e.Error, e.Alike, e.Shade, m.ToKnown[0])
		if got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestOtherPicturesAreNotTheSame(t *testing.T) {
	q := query(drawn(41, 720, 540))
	for seed := range uint64(12) {
		if m, ok := Compare(q, known(drawn(50+seed, 640, 480))); ok || m.Kind != "" {
			t.Errorf("picture %d: %v %+v", seed, ok, m)
		}
	}
}

// placard puts a photo into a frame full of other things, the same for all photos.
func placard(photo *image.Gray) *image.Gray {
	frame := drawn(77, 700, 900)
	return laid(frame, photo, func(x, y float64) (float64, float64) { return x - 60, y - 250 })
}

func TestSameLayoutWithAnotherPhotoIsNotTheSame(t *testing.T) {
	one, other := drawn(61, 580, 430), drawn(62, 580, 430)
	m, ok := Compare(query(placard(one)), known(placard(other)))
	if ok || m.Kind != Layout && m.Kind != Scene {
		t.Errorf("%v %+v", ok, m)
	}
	if m, ok := Compare(query(smaller(placard(one), 600)), known(placard(one))); !ok || m.Kind != Edited {
		t.Errorf("and the same poster: %v %+v", ok, m)
	}
}

func TestSmallPhotoInAPageIsNotTheSame(t *testing.T) {
	page := func(photo *image.Gray) *image.Gray {
		return laid(drawn(79, 900, 640), photo, func(x, y float64) (float64, float64) { return x - 260, y - 170 })
	}
	m, ok := Compare(query(smaller(page(drawn(63, 300, 300)), 700)), known(page(drawn(64, 300, 300))))
	if ok || m.Kind != Layout {
		t.Errorf("%v %+v", ok, m)
	}
	if m, ok := Compare(query(smaller(page(drawn(63, 300, 300)), 700)), known(page(drawn(63, 300, 300)))); !ok || m.Kind != Edited {
		t.Errorf("and the same page: %v %+v", ok, m)
	}
}

func TestThingsThatMovedAreAnotherShot(t *testing.T) {
	things := []*image.Gray{drawn(91, 200, 200), drawn(92, 160, 220), drawn(93, 180, 160)}
	shot := func(moved float64) *image.Gray {
		g := drawn(90, 800, 600)
		for i, m := range things {
			g = laid(g, m, func(x, y float64) (float64, float64) {
				return x - float64(70+250*i) - moved, y - float64(120+90*i) + moved/2
			})
		}
		return g
	}
	m, ok := Compare(query(shot(14)), known(shot(0)))
	if ok || m.Kind != Scene {
		t.Errorf("%v %+v", ok, m)
	}
	if m, ok := Compare(query(smaller(shot(0), 640)), known(shot(0))); !ok || m.Kind != Edited {
		t.Errorf("and the same shot: %v %+v", ok, m)
	}
}

func TestOneThingOnATableIsAnotherShot(t *testing.T) {
	thing := drawn(71, 220, 160)
	table := func(at float64, turn float64) *image.Gray {
		g := plainGround(800, 600, 0)
		for i := range g.Pix {
			g.Pix[i] = byte(150 + i%800/10)
		}
		c, s := math.Cos(turn), math.Sin(turn)
		return laid(g, thing, func(x, y float64) (float64, float64) {
			x, y = x-at, y-300
			return c*x + s*y + 110, -s*x + c*y + 80
		})
	}
	m, ok := Compare(query(table(300, 0.1)), known(table(500, 0.9)))
	if ok || m.Kind != Scene {
		t.Errorf("%v %+v", ok, m)
	}
	if m, ok := Compare(query(table(300, 0.1)), known(table(300, 0.1))); !ok || m.Kind != Edited {
		t.Errorf("and the same shot: %v %+v", ok, m)
	}
}

func TestWindowsFindASmallPhotoInABusyPicture(t *testing.T) {
	m := drawn(81, 600, 450)
	busy := laid(drawn(82, 1280, 960), m, func(x, y float64) (float64, float64) { return (x - 900) / 0.5, (y - 640) / 0.5 })
	q := query(busy).Windows()
	if n := len(q.Probes()); n != 6 {
		t.Errorf("%d windows", n)
	}
	if got, ok := Compare(q, known(m)); !ok || got.Kind != Inside || !close(got.Query[0], image.Pt(900, 640)) {
		t.Errorf("%v %+v", ok, got)
	}
}

func TestPlansAreFittedExactly(t *testing.T) {
	f := func(t *rapid.T, lo, hi float64, name string) float64 { return rapid.Float64Range(lo, hi).Draw(t, name) }
	rapid.Check(t, func(t *rapid.T) {
		a, s := f(t, 0, 2*math.Pi, "angle"), f(t, 0.3, 3, "scale")
		p := plan{s * math.Cos(a), -s * math.Sin(a), f(t, -300, 300, "x"), s * math.Sin(a), s * math.Cos(a), f(t, -300, 300, "y")}
		kinds := []func([]tie) (plan, bool){fitSimilarity, fitAffine, fitProjective}
		k := rapid.IntRange(0, 2).Draw(t, "kind")
		if k > 0 {
			p[0], p[4] = p[0]*f(t, 0.7, 1.4, "across"), p[4]*f(t, 0.7, 1.4, "down")
		}
		if k > 1 {
			p[6], p[7] = f(t, -3e-4, 3e-4, "far"), f(t, -3e-4, 3e-4, "tilt")
		}
		var all []tie
		for i := range 5 {
			for j := range 5 {
				from := vec{float64(100 * i), float64(83*j + 7*i)}
				to, ok := p.at(from)
				if !ok {
					t.Skip("beyond the horizon")
				}
				all = append(all, tie{from: from, to: to})
			}
		}
		got, ok := kinds[k](all)
		if !ok {
			t.Fatal("not fitted")
		}
		back, ok := got.inverse()
		if !ok {
			t.Fatal("not inverted")
		}
		for _, c := range all {
			to, _ := got.at(c.from)
			from, _ := back.at(c.to)
			if to.distance(c.to) > 1e-3 || from.distance(c.from) > 1e-3 {
				t.Fatalf("%v leads to %v, not %v, and back to %v", c.from, to, c.to, from)
			}
		}
	})
}

func FuzzCompare(f *testing.F) {
	m := drawn(1, 200, 150)
	good, err := Detect(m, m.Rect, ReferenceSide, 40).MarshalBinary()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good, 200, 150)
	f.Add(good, 0, 1)
	q := query(m)
	f.Fuzz(func(t *testing.T, b []byte, w, h int) {
		var s search.Features
		if s.UnmarshalBinary(b) != nil {
			return
		}
		got, ok := Compare(q, Reference(image.Pt(w, h), m, s))
		if ok && got.Kind == "" {
			t.Fatal("the same without a kind")
		}
	})
}

func BenchmarkCompare(b *testing.B) {
	m := drawn(1, 640, 480)
	q, k, other := query(m), known(m), known(drawn(2, 640, 480))
	for name, k := range map[string]Prepared{"same": k, "other": other} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				Compare(q, k)
			}
		})
	}
}

func TestRules(t *testing.T) {
	good := Evidence{Support: 40, Error: 1, Alike: 0.95, Agreeing: 1, Seen: 0.9, Shade: 1, Inside: 0.99, Covered: 0.99}
	little := good // one thing on a plain ground
	little.Seen = 0.3
	with := func(e Evidence, change func(*Evidence)) Evidence { change(&e); return e }
	for name, c := range map[string]struct {
		Evidence
		want verdict
	}{
		"plainly":                  {good, same},
		"few ties, very alike":     {with(good, func(e *Evidence) { e.Support = 8 }), same},
		"few ties, less alike":     {with(good, func(e *Evidence) { e.Support, e.Alike = 9, 0.65 }), nothing},
		"many ties, less alike":    {with(good, func(e *Evidence) { e.Support, e.Alike = 10, 0.6 }), same},
		"too few ties":             {with(good, func(e *Evidence) { e.Support = 7 }), nothing},
		"a corner of the known":    {with(good, func(e *Evidence) { e.Inside = 0.05 }), nothing},
		"not alike":                {with(good, func(e *Evidence) { e.Alike = 0.5 }), nothing},
		"places off":               {with(good, func(e *Evidence) { e.Error = 3 }), scene},
		"places far off":           {with(good, func(e *Evidence) { e.Error = 5 }), nothing},
		"a large patch is another": {with(good, func(e *Evidence) { e.Against = 0.3 }), layoutOnly},
		"the middle is another":    {with(good, func(e *Evidence) { e.Differs = 0.15 }), layoutOnly},
		"things moved":             {with(good, func(e *Evidence) { e.Astray = 0.35 }), scene},
		"some moved, some differ":  {with(good, func(e *Evidence) { e.Astray, e.Differs = 0.2, 0.06 }), scene},
		"little moved or differs":  {with(good, func(e *Evidence) { e.Astray, e.Differs = 0.1, 0.06 }), same},
		"a small part, turned":     {with(good, func(e *Evidence) { e.Inside, e.Turn = 0.2, 65 }), scene},
		"a small part":             {with(good, func(e *Evidence) { e.Inside, e.Turn = 0.2, 2 }), same},
		"one thing, nearer":        {with(good, func(e *Evidence) { e.Seen, e.Inside = 0.3, 0.66 }), scene},
		"hardly half agrees":       {with(good, func(e *Evidence) { e.Agreeing = 0.45 }), scene},
		"little, whole":            {little, same},
		"little, turned within":    {with(little, func(e *Evidence) { e.Turn = -15 }), same},
		"little, turned, not all":  {with(little, func(e *Evidence) { e.Turn, e.Agreeing = 15, 0.8 }), same},
		"little, turned, moved":    {with(little, func(e *Evidence) { e.Turn, e.Agreeing, e.Astray = 15, 0.8, 0.05 }), scene},
		"little, turned and cut":   {with(little, func(e *Evidence) { e.Turn, e.Inside = 40, 0.8 }), scene},
		"little, turned a quarter": {with(little, func(e *Evidence) { e.Turn, e.Inside = -89, 0.8 }), same},
		"little, both cut":         {with(little, func(e *Evidence) { e.Inside, e.Covered = 0.8, 0.85 }), scene},
		"little, other light":      {with(little, func(e *Evidence) { e.Shade = 0.2 }), scene},
		"little, some against it":  {with(little, func(e *Evidence) { e.Against, e.Agreeing = 0.1, 0.6 }), layoutOnly},
		"little, very many ties":   {with(little, func(e *Evidence) { e.Turn, e.Seen, e.Inside, e.Agreeing, e.Support = 15, 0.5, 0.9, 0.7, 60 }), same},
		"so many, one patch other": {with(little, func(e *Evidence) { e.Turn, e.Seen, e.Inside, e.Support, e.Against = 15, 0.5, 0.9, 60, 0.15 }), scene},
		"so many, things moved":    {with(little, func(e *Evidence) { e.Support, e.Astray = 60, 0.35 }), scene},
		"more, turned":             {with(good, func(e *Evidence) { e.Seen, e.Turn = 0.65, 30 }), scene},
	} {
		if got := c.judge(); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}
