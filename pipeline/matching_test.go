package pipeline_test

import (
	"database/sql"
	"errors"
	"fmt"
	"image"
	"image/color"
	imagedraw "image/draw"
	"slices"
	"testing"

	"xunqin/pipeline"
	"xunqin/pipeline/photo"
	"xunqin/pipeline/photo/feature"
	"xunqin/pipeline/record"
)

// edits are what is done to photos before they are posted again, each with the word for it and where the photo lies in the
// result: its corners, beginning at what was its top left.
var edits = []struct {
	name, kind string
	make       func(m image.Image) (image.Image, [4]image.Point)
}{
	{"mirrored", feature.Mirrored, func(m image.Image) (image.Image, [4]image.Point) {
		w, h := m.Bounds().Dx(), m.Bounds().Dy()
		return remade(w, h, func(x, y int) color.Color { return m.At(w-1-x, y) }), [4]image.Point{{X: w}, {}, {Y: h}, {X: w, Y: h}}
	}},
	{"turned", feature.Turned, func(m image.Image) (image.Image, [4]image.Point) {
		w, h := m.Bounds().Dx(), m.Bounds().Dy()
		return remade(h, w, func(x, y int) color.Color { return m.At(y, h-1-x) }), [4]image.Point{{X: h}, {X: h, Y: w}, {Y: w}, {}}
	}},
	{"poster", feature.Inside, func(m image.Image) (image.Image, [4]image.Point) {
		return onto(image.Pt(900, 1200), 3, m, image.Pt(210, 260))
	}},
	{"collage", feature.Inside, func(m image.Image) (image.Image, [4]image.Point) {
		page := image.NewRGBA(image.Rect(0, 0, 3*490+10, 3*370+10))
		imagedraw.Draw(page, page.Rect, image.White, image.Point{}, imagedraw.Src)
		var at [4]image.Point
		for i := range 9 {
			cell, r := draw(uint64(900+i)), image.Rect(0, 0, 480, 360).Add(image.Pt(10+i%3*490, 10+i/3*370))
			if i == 5 {
				cell, at = m, cornersOf(r)
			}
			imagedraw.Draw(page, r, cell, image.Point{}, imagedraw.Src)
		}
		return page, at
	}},
	{"screenshot", feature.Inside, func(m image.Image) (image.Image, [4]image.Point) {
		return onto(image.Pt(500, 1080), 4, m, image.Pt(10, 300))
	}},
	{"cropped", feature.Part, func(m image.Image) (image.Image, [4]image.Point) {
		r := image.Rect(90, 60, 410, 330)
		return remade(r.Dx(), r.Dy(), func(x, y int) color.Color { return m.At(r.Min.X+x, r.Min.Y+y) }), cornersOf(image.Rectangle{Max: r.Size()})
	}},
}

// remade paints a picture.
func remade(w, h int, at func(x, y int) color.Color) image.Image {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.Set(x, y, at(x, y))
		}
	}
	return m
}

// onto lays a picture on a white page among lines of what looks like writing.
func onto(page image.Point, line int, m image.Image, at image.Point) (image.Image, [4]image.Point) {
	out := image.NewRGBA(image.Rectangle{Max: page})
	imagedraw.Draw(out, out.Rect, image.White, image.Point{}, imagedraw.Src)
	r := m.Bounds().Add(at)
	for y := 20; y+12*line < page.Y; y += 16 * line {
		for x := 20; x+8*line < page.X-20; x += 10 * line {
			stroke := image.Rect(x, y, x+2*line+(x*7+y*3)%(5*line), y+3*line+(x*5+y)%(8*line))
			if !stroke.Overlaps(r.Inset(-15)) {
				imagedraw.Draw(out, stroke, image.Black, image.Point{}, imagedraw.Src)
			}
		}
	}
	imagedraw.Draw(out, r, m, image.Point{}, imagedraw.Src)
	return out, cornersOf(r)
}

func cornersOf(r image.Rectangle) [4]image.Point {
	return [4]image.Point{r.Min, {X: r.Max.X, Y: r.Min.Y}, r.Max, {X: r.Min.X, Y: r.Max.Y}}
}

func TestPhotosAreFoundInWhatWasMadeOfThem(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.work(t)
		posts := map[string][4]image.Point{}
		for i, e := range edits {
			r.report(t, e.name, jpg(draw(uint64(10+i)), 90))
			m, at := e.make(draw(uint64(10 + i)))
			r.site.post(e.name, jpg(m, 80))
			posts[e.name] = at
		}
		r.site.post("something else", jpg(draw(99), 80))
		r.quiet(t)
		r.crawl(t)
		r.checkEdits(t, posts)
		r.verified(t)
	})
}

// A report finds what was there before it: at once by what is stored of old photos, and for the rest when they are compared again.
func TestAReportFindsWhatWasMadeOfItsPhotoBefore(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.work(t)
		posts := map[string][4]image.Point{}
		for i, e := range edits {
			m, at := e.make(draw(uint64(10 + i)))
			r.site.post(e.name, jpg(m, 80))
			posts[e.name] = at
		}
		r.crawl(t)
		for i, e := range edits {
			r.report(t, e.name, jpg(draw(uint64(10+i)), 90))
		}
		r.quiet(t)
		r.checkEdits(t, posts)
		if n, err := r.Records.CountBehind(t.Context(), nil); err != nil || n != 0 {
			t.Errorf("%d photos were not compared with the newest reports (%v)", n, err)
		}
	})
}

// checkEdits wants one lead for each edit, between the report and the post of that name, with the right word and outline.
func (r *rig) checkEdits(t *testing.T, posts map[string][4]image.Point) {
	t.Helper()
	got := map[string]string{}
	for _, l := range r.all(t) {
		report, err := r.Records.Report(t.Context(), nil, l.ReportID)
		if err != nil {
			t.Fatal(err)
		}
		sightings, err := r.Records.Sightings(t.Context(), nil, l.ID)
		if err != nil || len(sightings) != 1 {
			t.Fatalf("%s: %d sightings, %v", report.Name, len(sightings), err)
		}
		got[report.Name] += l.Kind
		tie, err := r.Records.TieOf(t.Context(), nil, sightings[0].PhotoID, l.ReportPhotoID)
		if err != nil {
			t.Errorf("%s: %v", report.Name, err)
			continue
		}
		want := posts[report.Name]
		for i, c := range tie.Geometry.Query {
			if d := image.Pt(c[0], c[1]).Sub(want[i]); d.X*d.X+d.Y*d.Y > 30*30 {
				t.Errorf("%s: corner %d is outlined at %v, and is at %v", report.Name, i, c, want[i])
			}
		}
	}
	for _, e := range edits {
		if got[e.name] != e.kind {
			t.Errorf("%s: called %q, want %q", e.name, got[e.name], e.kind)
		}
	}
	if len(got) != len(edits) {
		t.Errorf("leads of %d reports, want %d: %v", len(got), len(edits), got)
	}
}

func TestASearchByPhotoFindsWhatWasMadeOfIt(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.work(t)
		for _, e := range edits {
			m, _ := e.make(draw(5))
			r.site.post(e.name, jpg(m, 80))
		}
		r.crawl(t)
		a, err := r.SearchPhoto(t.Context(), jpg(draw(5), 85))
		if err != nil {
			t.Fatal(err)
		}
		var found []string
		for _, g := range a.Groups {
			if !g.Apart() {
				for _, c := range g.Copies {
					found = append(found, c.Post.Text)
				}
			}
		}
		slices.Sort(found)
		if want := []string{"collage", "cropped", "mirrored", "poster", "screenshot", "turned"}; !slices.Equal(found, want) {
			t.Errorf("found %v, want %v", found, want)
		}
	})
}

// blend is a picture on its way from one to another.
func blend(a, b image.Image, part, of int) image.Image {
	return remade(a.Bounds().Dx(), a.Bounds().Dy(), func(x, y int) color.Color {
		if (x/8+y/8*7)%of < part {
			return b.At(x, y)
		}
		return a.At(x, y)
	})
}

func TestCopiesOfCopiesDoNotDriftIntoOnePicture(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.work(t)
		const steps = 10
		for i := range steps + 1 {
			r.site.post(fmt.Sprint(i), jpg(blend(draw(1), draw(2), i, steps), 90))
			r.crawl(t)
		}
		byPicture := map[string][]record.Photo{}
		err := r.Records.EachPhoto(t.Context(), func(ph record.Photo) error {
			full, err := r.Records.Photo(t.Context(), nil, ph.ID)
			byPicture[ph.PictureID] = append(byPicture[ph.PictureID], full)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(byPicture) < 2 || len(byPicture) > steps {
			t.Errorf("%d pictures of %d steps from one photo to another", len(byPicture), steps)
		}
		for id, members := range byPicture {
			pic, err := r.Records.Picture(t.Context(), nil, id)
			if err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(members, func(m record.Photo) bool { return m.ID == pic.Reference })
			if i < 0 {
				t.Errorf("the reference of a picture is none of its %d copies", len(members))
				continue
			}
			for _, m := range members {
				if _, ok := photo.Verify(photo.Photo{Fingerprints: m.Prints}, photo.Photo{Fingerprints: members[i].Prints}); !ok {
					t.Errorf("a copy does not match its picture's reference")
				}
			}
		}
	})
}

// When the reference is erased, copies that no other matches leave, and what people have said goes with them.
func TestAPictureThatLosesItsReferenceLosesNoVerdict(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.work(t)
		m := draw(1)
		r.report(t, "A", jpg(m, 95))
		r.quiet(t)
		// Two halves of the way to two other pictures: each like the first, not like each other.
		r.site.post("reference", jpg(m, 90))
		r.crawl(t)
		r.site.post("left", jpg(blend(m, draw(2), 2, 10), 90))
		r.site.post("right", jpg(blend(m, draw(3), 2, 10), 90))
		r.crawl(t)
		leads := r.all(t)
		if len(leads) != 1 {
			t.Fatalf("%d leads to begin with", len(leads))
		}
		if _, _, err := r.Decide(t.Context(), r.person(t, "one", record.Volunteer), leads[0].ID, record.Different, ""); err != nil {
			t.Fatal(err)
		}
		pic, err := r.Records.Picture(t.Context(), nil, leads[0].PictureID)
		if err != nil {
			t.Fatal(err)
		}
		ref, err := r.Records.Photo(t.Context(), nil, pic.Reference)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Erase(t.Context(), "admin", ref.PostID, "asked"); err != nil {
			t.Fatal(err)
		}
		r.site.post("again", jpg(blend(m, draw(2), 2, 10), 80))
		r.crawl(t)
		for _, l := range r.all(t) {
			if l.State != record.LeadDifferent {
				t.Errorf("a lead of a picture that was called different is %s", l.State)
			}
		}
		r.verified(t)
	})
}

func TestAPictureThatWouldMakeAFloodOfLeadsIsPutAside(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.Policy.Limits.Flood = 3
		r.work(t)
		page, _ := onto(image.Pt(1700, 1300), 3, draw(1), image.Pt(20, 30))
		canvas := page.(*image.RGBA)
		for i := range 5 {
			imagedraw.Draw(canvas, image.Rect(0, 0, 480, 360).Add(image.Pt(20+i%3*550, 30+i/3*450)), draw(uint64(1+i)), image.Point{}, imagedraw.Src)
			r.report(t, fmt.Sprint(i), jpg(draw(uint64(1+i)), 90))
		}
		r.quiet(t)
		r.site.post("all of them", jpg(canvas, 85))
		r.crawl(t)
		if leads := r.all(t); len(leads) != 0 {
			t.Errorf("%d leads wait of a picture that is put aside", len(leads))
		}
		aside, err := r.Records.PicturesAside(t.Context(), nil, 10)
		if err != nil || len(aside) != 1 || aside[0].Aside != record.AsideFlood {
			t.Fatalf("pictures aside: %+v, %v", aside, err)
		}
		if err := r.Release(t.Context(), "admin", aside[0].ID); err != nil {
			t.Fatal(err)
		}
		r.quiet(t)
		if leads := r.all(t); len(leads) != 5 {
			t.Errorf("%d leads after its release, want 5", len(leads))
		}
		if err := r.Release(t.Context(), "admin", aside[0].ID); !errors.Is(err, record.ErrStale) {
			t.Errorf("a second release: %v", err)
		}
	})
}

func TestAPictureKnownToBeHarmlessMakesNoLead(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.work(t)
		r.report(t, "A", jpg(draw(1), 90))
		r.site.post("before", jpg(draw(1), 70))
		r.quiet(t)
		r.crawl(t)
		if len(r.all(t)) != 1 {
			t.Fatal("no lead to begin with")
		}
		prints := photo.Fingerprints(draw(1))
		err := r.Records.Tx(t.Context(), func(tx *sql.Tx) error {
			return r.AddHarmless(t.Context(), tx, record.Harmless{Label: "banner", Prints: prints, CreatedBy: "a", ApprovedBy: "b"})
		})
		if err != nil {
			t.Fatal(err)
		}
		r.site.post("after", jpg(draw(1), 50))
		r.crawl(t)
		if leads := r.all(t); len(leads) != 0 {
			t.Errorf("%d leads wait", len(leads))
		}
		n, err := r.Records.LeadCounts(t.Context(), nil)
		if err != nil || n[record.LeadUnchecked] != 0 {
			t.Errorf("counted as waiting: %v, %v", n, err)
		}
		err = r.Records.Tx(t.Context(), func(tx *sql.Tx) error { return r.AddHarmless(t.Context(), tx, record.Harmless{Label: "flat"}) })
		if !errors.Is(err, pipeline.ErrNothingToKnow) {
			t.Errorf("a picture without fingerprints: %v", err)
		}
	})
}

func TestTheReachMovesUncheckedLeadsAlone(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.work(t)
		crop := func(m image.Image, in int) []byte {
			return jpg(remade(480-2*in, 360-2*in, func(x, y int) color.Color { return m.At(x+in, y+in) }), 40)
		}
		for i := range 4 {
			r.report(t, fmt.Sprint(i), jpg(draw(uint64(1+i)), 90))
			r.site.post(fmt.Sprint(i), crop(draw(uint64(1+i)), 2+28*i))
		}
		r.quiet(t)
		r.crawl(t)
		before := r.all(t)
		c, err := r.PreviewReach(t.Context(), pipeline.Narrow)
		if err != nil {
			t.Fatal(err)
		}
		if c.From != pipeline.Usual || c.Unchecked == len(before) || c.Gained != 0 {
			t.Fatalf("preview %+v of %d leads", c, len(before))
		}
		set := func(to pipeline.Reach) pipeline.ReachChange {
			var got pipeline.ReachChange
			err := r.Records.Tx(t.Context(), func(tx *sql.Tx) error {
				var err error
				got, err = r.SetReach(t.Context(), tx, "admin", to)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			r.quiet(t)
			return got
		}
		if got := set(pipeline.Narrow); got != c {
			t.Errorf("changed %+v, previewed %+v", got, c)
		}
		if n := len(r.all(t)); n != len(before)-c.Unchecked {
			t.Errorf("%d leads of %d after %d would go", n, len(before), c.Unchecked)
		}
		if got := set(pipeline.Usual); got.Gained != c.Unchecked {
			t.Errorf("%d gained on the way back, %d had gone", got.Gained, c.Unchecked)
		}
		if n := len(r.all(t)); n != len(before) {
			t.Errorf("%d leads after the way back, want %d", n, len(before))
		}
		if _, err := r.PreviewReach(t.Context(), "everything"); !record.IsNotFound(err) {
			t.Errorf("an unknown reach: %v", err)
		}
		r.verified(t)
	})
}

// Photos kept by a version without features get them from their derivatives, and what they show is found.
func TestOldPhotosGetFeaturesAndAreCompared(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		stop := r.work(t)
		m, _ := edits[5].make(draw(1))
		r.report(t, "A", jpg(draw(1), 90))
		r.site.post("cropped", jpg(m, 80))
		r.quiet(t)
		r.crawl(t)
		stop()
		for _, q := range []string{`DELETE FROM features`, `DELETE FROM ties`, `DELETE FROM leads`, `UPDATE photos SET generation=0`} {
			if _, err := r.Records.DB().ExecContext(t.Context(), q); err != nil {
				t.Fatal(err)
			}
		}
		r.work(t)
		eventually(t, "the lead is made again", func() bool { return len(r.all(t)) == 1 })
		r.quiet(t)
		q, err := photo.Prepare(t.Context(), jpg(draw(1), 90), photo.Limits{Features: true})
		if err != nil {
			t.Fatal(err)
		}
		votes, err := r.Index.Votes(t.Context(), q.Features, 5)
		if err != nil || len(votes) != 2 {
			t.Errorf("the index votes for %d photos, want the report's and the post's (%v)", len(votes), err)
		}
	})
}

// Features of a post's photo are as many as fit a photo that nobody asks about, of a report's all.
func TestOfPostsFewerFeaturesAreKept(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.work(t)
		r.report(t, "A", jpg(draw(1), 90))
		r.site.post("B", jpg(draw(2), 90))
		r.quiet(t)
		r.crawl(t)
		err := r.Records.EachPhoto(t.Context(), func(ph record.Photo) error {
			f, err := r.Records.Features(t.Context(), nil, []string{ph.ID})
			if err != nil {
				return err
			}
			n := len(f[ph.ID].Points)
			if ph.PostID != "" && n > photo.CrawledPoints || ph.ReportID != "" && n <= photo.CrawledPoints {
				t.Errorf("%d points of a photo of post %q", n, ph.PostID)
			}
			raw, err := f[ph.ID].MarshalBinary()
			if ph.PostID != "" && len(raw) > 4000 {
				t.Errorf("%d bytes of features of a post's photo", len(raw))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}
