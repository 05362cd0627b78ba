package photo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"image"
	"io"
	"time"

	"xunqin/search"
)

// Limits on a picture, checked before it is decoded. A limit on pixels alone is not enough: very narrow pictures pass it and
// make a resizer allocate without bound.
const (
	MaxBytes    = 20 << 20 // of the file
	MaxPixels   = 40e6
	MaxSide     = 16384
	MaxRatio    = 200     // long side to short side
	MaxMetadata = 1 << 20 // bytes of EXIF, XMP, ICC, comments and unknown blocks together
	MaxDeadline = 10 * time.Second
)

// Limits says what one Prepare may use. The zero value is ready: a budget of DefaultBudget bytes of its own, a deadline by the
// size of the picture, at most MaxDeadline, and no place.
type Limits struct {
	Budget    *Budget       // shared by the process
	Deadline  time.Duration // of decoding, not of waiting for room in the budget
	KeepPlace bool          // return where the picture says it was taken; the source's policy must allow it
	Side      int           // long side of the derivative, where a policy wants it shorter than DerivativeSide
	Grey      int           // long side of the grey picture, where a policy wants it shorter than GreySide
	Features  bool          // return local features to be kept, by which copies of a part of the picture are found
	Probe     bool          // return what the picture is looked for by
	Size      image.Point   // of the picture that this is a derivative of, when it is one: parts and outlines are in pixels of that
}

// least is the shortest long side that a larger picture may be decoded to.
func (l Limits) least() int {
	if l.Probe {
		return ProbeSide
	}
	return DerivativeSide
}

// A Photo is what is known of a picture once it was prepared. None of it points into the bytes it was made from.
type Photo struct {
	SHA256        [sha256.Size]byte // of the bytes as they came
	Format        string            // jpeg, png, gif, webp, avif, bmp or tiff, by content
	Width, Height int               // in pixels, upright

	Derivative []byte // JPEG without any metadata, upright, long side at most DerivativeSide, never enlarged
	Grey       []byte // JPEG without colour or metadata, long side at most GreySide: all that outlives the derivative, for the matcher alone
	Blurred    []byte // JPEG for lists, long side BlurredSide, made of a handful of colours: no face can be made out

	Fingerprints []Fingerprint   // empty when the picture is not Matchable
	Features     search.Features // with Limits.Features, when the picture is Matchable
	Probe        *Probe          // with Limits.Probe, when the picture is Matchable
	Flat         bool            // too little in it to tell it from others
	Tiny         bool            // short side under MinSide

	Taken      time.Time // as the camera wrote it; zero when it did not
	TakenZoned bool      // the camera wrote its offset too; without it Taken is its wall clock, in UTC
	Place      *Place    // only with Limits.KeepPlace
}

// Matchable reports whether the picture may be compared with others. Flat and tiny pictures all have nearly the same
// fingerprint and would match each other.
func (p Photo) Matchable() bool { return !p.Flat && !p.Tiny }

// A Place is a point on WGS 84 in degrees, as a camera wrote it.
type Place struct{ Lat, Lon float64 }

// Reasons for a refusal. They are words for machines: counted, stored and translated elsewhere, and never changed.
const (
	Empty            = "empty"
	TooLarge         = "too-large"          // more than MaxBytes
	UnknownFormat    = "unknown-format"     // not a picture, or of a kind nobody reads here (SVG, PDF, HTML are never pictures)
	HEIC             = "heic"               // HEIC or HEIF, for which there is no decoder with a usable licence
	Unsupported      = "unsupported"        // a known format in a rare mode
	TooManyPixels    = "too-many-pixels"    // more than MaxPixels
	TooWide          = "side-too-long"      // a side over MaxSide
	TooNarrow        = "too-narrow"         // sides differ by more than MaxRatio
	MetadataTooLarge = "metadata-too-large" // more than MaxMetadata
	OverBudget       = "over-budget"        // decoding could need more than the whole budget
	Truncated        = "truncated"
	Corrupt          = "corrupt"
	TimedOut         = "timeout"
)

// Refused is the error for a picture that will not be taken, for a reason that lies in the picture. Truncated, Corrupt and
// TimedOut may be the transfer's or the moment's fault and are worth fetching once more; the others are final.
type Refused struct {
	Reason string
	Err    error // what the decoder said, if it said something
}

func (r *Refused) Error() string {
	if r.Err != nil {
		return fmt.Sprintf("picture refused: %s: %v", r.Reason, r.Err)
	}
	return "picture refused: " + r.Reason
}

func (r *Refused) Unwrap() error { return r.Err }

// Prepare reads a picture. It returns a *Refused when the picture cannot be taken, and the error of ctx when that ended first.
// A megapixel of JPEG costs one and a half times what image/jpeg takes to decode it, 12 megapixels a third of that; AVIF costs half
// a second to some seconds a megapixel.
func Prepare(ctx context.Context, b []byte, lim Limits) (Photo, error) {
	if len(b) == 0 {
		return Photo{}, &Refused{Reason: Empty}
	}
	if len(b) > MaxBytes {
		return Photo{}, &Refused{Reason: TooLarge}
	}
	var h header
	err := guarded(func() (err error) {
		h, err = inspect(b, lim.least())
		return err
	})
	if err != nil {
		return Photo{}, refusal(err)
	}
	if err := h.check(); err != nil {
		return Photo{}, err
	}

	budget := lim.Budget
	if budget == nil {
		budget = NewBudget(DefaultBudget)
	}
	release, err := budget.reserve(ctx, h.cost)
	if err != nil {
		return Photo{}, err
	}
	defer release()

	deadline := lim.Deadline
	if deadline == 0 {
		deadline = h.patience()
	}
	decoding, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()

	p := Photo{
		SHA256: sha256.Sum256(b),
		Format: h.format,
		Taken:  h.exif.taken, TakenZoned: h.exif.zoned,
	}
	if lim.KeepPlace {
		p.Place = h.exif.place
	}
	err = guarded(func() error {
		m, err := h.decode(decoding)
		if err != nil {
			return err
		}
		return p.finish(m, h.orientation, lim)
	})
	switch {
	case err == nil:
		return p, nil
	case ctx.Err() != nil:
		return Photo{}, ctx.Err()
	case decoding.Err() != nil:
		return Photo{}, &Refused{Reason: TimedOut, Err: err}
	}
	return Photo{}, refusal(err)
}

// finish fills p from the decoded picture.
func (p *Photo) finish(m raster, orientation int, lim Limits) error {
	s := m.small(DerivativeSide, orientation)
	p.Width, p.Height = m.size().X, m.size().Y
	if orientation >= 5 {
		p.Width, p.Height = p.Height, p.Width
	}
	if lim.Size != (image.Point{}) {
		p.Width, p.Height = lim.Size.X, lim.Size.Y
	}
	kept := s // fingerprints are of the common size, whatever is kept
	if lim.Side > 0 && lim.Side < DerivativeSide {
		kept = m.small(lim.Side, orientation)
	}
	var err error
	if p.Derivative, err = encode(kept, derivativeQuality); err != nil {
		return err
	}
	if p.Blurred, err = blurred(s); err != nil {
		return err
	}
	if p.Grey, err = grey(s, lim.Grey); err != nil {
		return err
	}
	p.Tiny = min(p.Width, p.Height) < MinSide
	if !p.Tiny {
		p.Fingerprints = fingerprints(luma(s), image.Pt(p.Width, p.Height))
		p.Flat = len(p.Fingerprints) == 0
	}
	if !p.Matchable() {
		return nil
	}
	if lim.Features {
		p.Features = features(luma(s), image.Pt(p.Width, p.Height))
	}
	if lim.Probe {
		p.Probe = newProbe(luma(m.small(ProbeSide, orientation)), image.Pt(p.Width, p.Height))
	}
	return nil
}

// guarded turns a panic in a decoder into an error. It works because no decoder in use starts goroutines; goimagehash's
// extended hashes do, which is one reason they are not used.
func guarded(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("decoder panicked: %v", r)
		}
	}()
	return f()
}

// refusal names why a decoder gave up.
func refusal(err error) error {
	var refused *Refused
	switch {
	case errors.As(err, &refused):
		return refused
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &Refused{Reason: Truncated, Err: err}
	case unsupported(err):
		return &Refused{Reason: Unsupported, Err: err}
	}
	return &Refused{Reason: Corrupt, Err: err}
}

// reader returns b as a stream that ends with the error of ctx once that is over, which is how a decoder is stopped: all of
// them read in small pieces and none does unbounded work on one.
func reader(ctx context.Context, b []byte) *ctxReader { return &ctxReader{ctx, bytes.NewReader(b)} }

type ctxReader struct {
	ctx context.Context
	r   *bytes.Reader
}

func (r *ctxReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	const piece = 4 << 10
	return r.r.Read(p[:min(len(p), piece)])
}

func (r *ctxReader) ReadAt(p []byte, off int64) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.ReadAt(p, off)
}
