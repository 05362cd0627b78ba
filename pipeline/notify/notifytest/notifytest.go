// Package notifytest is the suite that every [notify.Sender] passes: what it
// reports when the other side takes, refuses, loses or ignores a message.
package notifytest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"xunqin/pipeline/notify"
)

// An Answer is what the other side does with one message.
type Answer int

// The answers.
const (
	Accept     Answer = iota
	LoseAfter         // accept, say so, then drop the connection
	LoseBefore        // accept, and drop the connection instead of saying so
	Later             // refuse for now
	Never             // refuse for good
	Silence           // say nothing until the connection is closed
)

// A Peer is a small real server for one kind of Sender.
type Peer struct {
	Sender notify.Sender
	To     string // a recipient there
	Secret string
	// Answer sets what the server does with the next messages, in order, and
	// then Accept.
	Answer func(...Answer)
	// Received gives the IDs of the messages that reached it whole, repeats
	// included, and waits for those under way.
	Received func() []string
	Close    func()
}

// Run tests a Sender against the peers that open makes.
func Run(t *testing.T, open func(t *testing.T) Peer) {
	message := func(p Peer) notify.Message {
		m := notify.Compose(notify.Alert{ID: "alert-7", To: p.To, Secret: p.Secret, Kind: "lead", Lang: "zh-CN",
			BaseURL: "https://desk.example/", At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)})
		return m
	}
	type result struct {
		retry, failed bool
	}
	for _, tc := range []struct {
		name    string
		answers []Answer
		want    []result // of as many sends of the same message
		arrived int
	}{
		{"accepted is done", []Answer{Accept}, []result{{false, false}}, 1},
		{"a connection lost after the answer does not matter", []Answer{LoseAfter}, []result{{false, false}}, 1},
		{"a connection lost before the answer is tried again", []Answer{LoseBefore, Accept}, []result{{true, true}, {false, false}}, 2},
		{"refused for now is tried again", []Answer{Later, Later, Accept}, []result{{true, true}, {true, true}, {false, false}}, 1},
		{"refused for good is final", []Answer{Never}, []result{{false, true}}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := open(t)
			p.Answer(tc.answers...)
			for i, want := range tc.want {
				retry, err := p.Sender.Send(t.Context(), message(p))
				if got := (result{retry, err != nil}); got != want {
					t.Fatalf("try %d: retry %t, error %v", i+1, retry, err)
				}
			}
			got := p.Received()
			if len(got) != tc.arrived || slices.ContainsFunc(got, func(id string) bool { return id != "alert-7" }) {
				t.Errorf("received %q, want %d under the one id", got, tc.arrived)
			}
		})
	}
	t.Run("a silent server holds nobody past the context", func(t *testing.T) {
		p := open(t)
		p.Answer(Silence)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			if retry, err := p.Sender.Send(ctx, message(p)); !retry || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("retry %t, error %v", retry, err)
			}
		}()
		select {
		case <-ended:
		case <-time.After(15 * time.Second):
			t.Error("still sending long after the context ended")
			<-ended
		}
	})
	t.Run("nobody there is tried again", func(t *testing.T) {
		p := open(t)
		p.Close()
		if retry, err := p.Sender.Send(t.Context(), message(p)); !retry || err == nil {
			t.Errorf("retry %t, error %v", retry, err)
		}
	})
	t.Run("errors name neither recipient nor text", func(t *testing.T) {
		for _, answer := range []Answer{Later, Never, LoseBefore} {
			p := open(t)
			p.Answer(answer)
			m := message(p)
			_, err := p.Sender.Send(t.Context(), m)
			if err == nil || strings.Contains(err.Error(), m.To) || strings.Contains(err.Error(), m.Subject) {
				t.Errorf("error %v", err)
			}
		}
	})
	t.Run("headers cannot be added", func(t *testing.T) {
		p := open(t)
		for _, spoil := range []func(*notify.Message){
			func(m *notify.Message) { m.ID = "a\r\nBcc: x@example.com" },
			func(m *notify.Message) { m.ID = "a>" },
			func(m *notify.Message) { m.ID = "" },
			func(m *notify.Message) { m.Subject = "a\r\nBcc: x@example.com" },
			func(m *notify.Message) { m.Subject = "a\u0085b" },
			func(m *notify.Message) { m.To += "\r\nBcc: x@example.com" },
			func(m *notify.Message) { m.To = "" },
			func(m *notify.Message) { m.Lang = "en\r\nX: y" },
			func(m *notify.Message) { m.URL = "https://desk.example/?q=王小明" },
			func(m *notify.Message) { m.URL = "https://desk.example/王小明" },
			func(m *notify.Message) { m.At = time.Time{} },
		} {
			m := message(p)
			spoil(&m)
			if retry, err := p.Sender.Send(t.Context(), m); retry || err == nil {
				t.Errorf("sent with retry %t, error %v: %q", retry, err, []string{m.ID, m.Subject, m.To, m.Lang, m.URL})
			}
		}
		if got := p.Received(); len(got) != 0 {
			t.Errorf("received %q", got)
		}
	})
}
