// Package notify sends alerts to people outside the desk, by mail and by signed webhook. What it sends says that something
// waits, and nothing of what it is: no picture, no name, no word of the query, no place.
package notify

import (
	"context"
	"errors"
	"time"
)

// ErrGone: the other side does not want this subscription any more; it should be stopped for good.
var ErrGone = errors.New("the receiver has ended the subscription")

// Message is one alert as it goes out. ID is the same for all tries of one alert, so that a receiver can tell a repeat.
type Message struct {
	ID            string
	To, Secret    string // mail address or URL; a webhook's signing key
	Subject, Text string
	Lang          string
	URL           string // where to read more, after signing in
	At            time.Time
}

// Sender hands a message to the other side. retry reports whether a failure may pass; a nil error means accepted.
type Sender interface {
	Send(ctx context.Context, m Message) (retry bool, err error)
}

// Alert is what a message is composed of: ids and words of the program, nothing of what was found.
type Alert struct {
	ID, To, Secret string
	Kind           string // of the subject: post or lead
	Query          string // id of the saved query, empty for leads
	Lang, BaseURL  string
	At             time.Time
}
