package desk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"sync"

	"xunqin/cmd/xunqin/internal/auth"
)

// uploadsAtOnce is how many forms with files are held in memory at one time; more wait, and give up when their request does.
const uploadsAtOnce = 4

// uploadBody is the most a form with files may weigh, in bytes. More than one file may weigh, so that a person whose file is too
// large is told so and not cut off.
const uploadBody = 64 << 20

// intake lets uploadsAtOnce requests hold files. The zero value is ready.
type intake struct {
	once  sync.Once
	turns chan struct{}
}

// turn waits for a turn, which done gives back.
func (i *intake) turn(ctx context.Context) (done func(), err error) {
	i.once.Do(func() { i.turns = make(chan struct{}, uploadsAtOnce) })
	select {
	case i.turns <- struct{}{}:
		return func() { <-i.turns }, nil
	case <-ctx.Done():
		return nil, auth.ErrBusy
	}
}

// upload is a file of a form.
type upload struct {
	Field, Name string
	Bytes       []byte
	TooLarge    bool // Bytes is empty then
}

// errManyFiles: more files than the form takes.
var errManyFiles = errors.New("more files than the form takes")

// readUploads reads a form with files as it arrives: fields into values, files, at most so many and so large, into memory. Nothing
// of it is written to disk, as ParseMultipartForm would do. A file over the limit is read over and marked.
func (p *Page) readUploads(most int, size int64) (url.Values, []upload, error) {
	unreadable := func(err error) error {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return err
		}
		return fmt.Errorf("%w: %w", &Problem{Status: http.StatusBadRequest, Key: "form"}, err)
	}
	r, err := p.R.MultipartReader()
	if err != nil {
		return nil, nil, unreadable(err)
	}
	values, left := url.Values{}, int64(formBody)
	var files []upload
	for {
		part, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			return values, files, nil
		}
		if err != nil {
			return nil, nil, unreadable(err)
		}
		if _, isFile := part.Header["Content-Type"]; !isFile && part.FileName() == "" {
			b, err := io.ReadAll(io.LimitReader(part, left+1))
			if err != nil {
				return nil, nil, unreadable(err)
			}
			if left -= int64(len(b)) + 100; left < 0 {
				return nil, nil, &Problem{Status: http.StatusRequestEntityTooLarge, Key: "large"}
			}
			values.Add(part.FormName(), string(b))
			continue
		}
		f, err := readUpload(part, size)
		if err != nil {
			return nil, nil, unreadable(err)
		}
		if f.Name == "" && len(f.Bytes) == 0 && !f.TooLarge {
			continue // a field of files in which none was chosen
		}
		if len(files) == most {
			return values, files, errManyFiles
		}
		files = append(files, f)
	}
}

func readUpload(part *multipart.Part, size int64) (upload, error) {
	f := upload{Field: part.FormName(), Name: part.FileName()}
	b, err := io.ReadAll(io.LimitReader(part, size+1))
	if err != nil {
		return f, err
	}
	if int64(len(b)) <= size {
		f.Bytes = b
		return f, nil
	}
	f.TooLarge = true
	_, err = io.Copy(io.Discard, part)
	return f, err
}
