// Package notify hands alerts to the services that carry them: mail and
// signed webhooks. An alert says that something waits at the desk and nothing
// of what: no picture, name, word of a query, or place ([Compose]).
//
// Delivery is at least once. What makes a repeat recognizable is the ID of the
// message, the same for all tries, which every [Sender] passes on.
package notify

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode"
)

// A Sender hands a message to the other side once. It must be usable by
// several goroutines, and must end soon after ctx does.
//
// err is nil when the other side has taken the message. Otherwise retry says
// whether a later try of the same message can succeed; an unclear end, such
// as a connection lost before the answer, is a retry. The error holds neither
// the recipient nor the text. [RetryAfter] finds the wait the other side asks
// for, and [ErrGone] says to stop sending there at all.
type Sender interface {
	Send(ctx context.Context, m Message) (retry bool, err error)
}

// A Message is one alert to one recipient.
type Message struct {
	ID      string // the same for all tries: letters, digits, "-", "_" and ".", at most 100
	To      string // a mail address, or the address of a webhook
	Secret  string // signing key of a webhook, as NewSecret makes it
	Subject string // one line
	Text    string
	Lang    string // "zh-CN" or "en"
	URL     string // of the desk, where one signs in; it is in Text too, and may be empty
	At      time.Time
}

// ErrGone is the answer of a receiver that wants no more messages, ever.
var ErrGone = errors.New("receiver is gone")

// errMessage is the start of errors about messages that no sender may send.
var errMessage = errors.New("message")

var messageID = regexp.MustCompile(`^[A-Za-z0-9](?:[A-Za-z0-9_.\-]{0,98}[A-Za-z0-9])?$`)

// check refuses what could end up as more than one header line or value.
func (m Message) check() error {
	switch {
	case !messageID.MatchString(m.ID) || strings.Contains(m.ID, ".."):
		return fmt.Errorf("%w: bad id", errMessage)
	case strings.ContainsFunc(m.Subject, unicode.IsControl) || strings.ContainsFunc(m.To, unicode.IsControl):
		return fmt.Errorf("%w: control character in subject or recipient", errMessage)
	case m.Lang != "zh-CN" && m.Lang != "en":
		return fmt.Errorf("%w: unknown language", errMessage)
	case m.At.IsZero():
		return fmt.Errorf("%w: no time", errMessage)
	}
	if u, err := url.Parse(m.URL); err != nil || m.URL != "" && !deskURL(u) {
		return fmt.Errorf("%w: bad desk address", errMessage)
	}
	return nil
}

// later is an error with the wait that the other side asked for.
type later struct {
	error
	after time.Duration
}

func (l later) Unwrap() error { return l.error }

// RetryAfter is the least wait before the next try that the other side asked
// for, at most a day, or 0.
func RetryAfter(err error) time.Duration {
	var l later
	if errors.As(err, &l) {
		return l.after
	}
	return 0
}
