package notify_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net"
	"net/http/httptest"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"xunqin/pipeline/notify"
	"xunqin/pipeline/notify/notifytest"
)

// smtpServer speaks enough SMTP for one mail a connection.
type smtpServer struct {
	t        *testing.T
	listener net.Listener
	tls      *tls.Config
	implicit bool
	starttls bool
	auth     string // "user\x00password" that AUTH PLAIN must give; empty for no AUTH

	mu      sync.Mutex
	scripts []map[string]string // for coming connections: verb to answer
	mails   []string
	lines   []string // commands of all connections
	work    sync.WaitGroup
}

// Answers that are no answers.
const (
	hangUp = "hang up"
	wait   = "wait"
	vanish = "250 taken and gone"
)

func newSMTPServer(t *testing.T) *smtpServer {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	// The certificate of httptest is good for example.com.
	web := httptest.NewTLSServer(nil)
	s := &smtpServer{t: t, listener: listener, tls: &tls.Config{Certificates: web.TLS.Certificates}}
	web.Close()
	s.work.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.work.Go(func() { s.serve(conn) })
		}
	})
	t.Cleanup(s.close)
	return s
}

func (s *smtpServer) close() {
	s.listener.Close() // a second close is no matter
	s.work.Wait()
}

// roots trusts the server's certificate.
func (s *smtpServer) roots() *tls.Config {
	cert, err := x509.ParseCertificate(s.tls.Certificates[0].Certificate[0])
	if err != nil {
		s.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &tls.Config{RootCAs: pool}
}

func (s *smtpServer) script(answers map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.scripts = append(s.scripts, answers)
}

func (s *smtpServer) received() (mails, lines []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mails, s.lines
}

func (s *smtpServer) serve(conn net.Conn) {
	defer conn.Close()
	var answers map[string]string
	s.mu.Lock()
	if len(s.scripts) > 0 {
		answers, s.scripts = s.scripts[0], s.scripts[1:]
	}
	s.mu.Unlock()
	if s.implicit {
		conn = tls.Server(conn, s.tls)
	}
	r := bufio.NewReader(conn)
	// say reports whether the talk goes on.
	say := func(verb, usual string) bool {
		text := usual
		if a, ok := answers[verb]; ok {
			text = a
		}
		switch text {
		case hangUp:
			return false
		case wait:
			_, _ = r.ReadByte() // until the other side closes
			return false
		}
		_, err := fmt.Fprintf(conn, "%s\r\n", text)
		return err == nil && text != vanish && !strings.HasPrefix(text, "421")
	}
	if !say("greeting", "220 mail.test ESMTP") {
		return
	}
	encrypted := s.implicit
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		verb := strings.ToUpper(strings.Fields(line + " .")[0])
		s.mu.Lock()
		s.lines = append(s.lines, line)
		s.mu.Unlock()
		on := true
		switch verb {
		case "EHLO":
			usual := "250-mail.test\r\n250-8BITMIME\r\n"
			if s.starttls && !encrypted {
				usual += "250-STARTTLS\r\n"
			}
			if s.auth != "" {
				usual += "250-AUTH PLAIN\r\n"
			}
			on = say(verb, usual+"250 OK")
		case "STARTTLS":
			if on = say(verb, "220 go on"); on {
				secure := tls.Server(conn, s.tls)
				if secure.Handshake() != nil {
					return
				}
				conn, r, encrypted = secure, bufio.NewReader(secure), true
			}
		case "AUTH":
			given, err := base64.StdEncoding.DecodeString(strings.Fields(line)[2])
			if err == nil && string(given) == "\x00"+s.auth {
				on = say(verb, "235 welcome")
			} else {
				on = say(verb, "535 5.7.8 no")
			}
		case "DATA":
			if on = say(verb, "354 go on"); !on || answers[verb] != "" {
				break
			}
			var text strings.Builder
			for {
				part, err := r.ReadString('\n')
				if err != nil {
					return
				}
				if part == ".\r\n" {
					break
				}
				text.WriteString(part)
			}
			if a := answers["text"]; a == "" || a == hangUp || a == vanish {
				s.mu.Lock()
				s.mails = append(s.mails, text.String())
				s.mu.Unlock()
			}
			on = say("text", "250 taken")
		case "QUIT":
			say(verb, "221 bye")
			return
		default:
			on = say(verb, "250 OK")
		}
		if !on {
			return
		}
	}
}

// sender sends through s as if it were a server named host.
func (s *smtpServer) sender(host string) *notify.Mail {
	return &notify.Mail{Host: host, From: "寻亲 <desk@xunqin.example>", TLS: s.roots(),
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, s.listener.Addr().String())
		}}
}

func waiting(to string) notify.Message {
	return notify.Compose(notify.Alert{ID: "alert-7", To: to, Kind: "lead", Lang: "zh-CN", BaseURL: "https://desk.example/", At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)})
}

func TestMail(t *testing.T) {
	notifytest.Run(t, func(t *testing.T) notifytest.Peer {
		s := newSMTPServer(t)
		return notifytest.Peer{
			Sender: s.sender(s.listener.Addr().String()), To: "helper@example.org", Close: s.close,
			Answer: func(answers ...notifytest.Answer) {
				for _, a := range answers {
					s.script(map[notifytest.Answer]map[string]string{
						notifytest.Accept:     nil,
						notifytest.LoseAfter:  {"text": vanish},
						notifytest.LoseBefore: {"text": hangUp},
						notifytest.Later:      {"RCPT": "450 4.2.0 greylisted, helper@example.org"},
						notifytest.Never:      {"RCPT": "550 5.1.1 no helper@example.org here"},
						notifytest.Silence:    {"RCPT": wait},
					}[a])
				}
			},
			Received: func() []string {
				mails, _ := s.received()
				var ids []string
				for _, text := range mails {
					m, err := mail.ReadMessage(strings.NewReader(text))
					if err != nil {
						t.Fatal(err)
					}
					ids = append(ids, strings.TrimSuffix(strings.TrimPrefix(m.Header.Get("Message-Id"), "<"), "@xunqin.example>"))
				}
				return ids
			},
		}
	})
}

func TestMailAnswersByStepAndCode(t *testing.T) {
	for _, tc := range []struct {
		step, answer string
		retry, sent  bool
	}{
		{"greeting", "421 busy", true, false},
		{"greeting", "554 no mail here", true, false},
		{"greeting", wait, true, false},
		{"EHLO", hangUp, true, false},
		{"MAIL", "451 later", true, false},
		{"MAIL", "530 authenticate first", true, false},
		{"RCPT", "421 closing", true, false},
		{"RCPT", "450 greylisted", true, false},
		{"RCPT", "550 no such person", false, false},
		{"DATA", "451 later", true, false},
		{"DATA", "554 no", false, false},
		{"DATA", hangUp, true, false},
		{"text", "452 disk full", true, false},
		{"text", "554 spam", false, false},
		{"text", hangUp, true, false},
		{"RSET", hangUp, false, true},
		{"RSET", "500 what", false, true},
		{"QUIT", hangUp, false, true},
	} {
		t.Run(tc.step+" "+tc.answer, func(t *testing.T) {
			s := newSMTPServer(t)
			s.script(map[string]string{tc.step: tc.answer})
			ctx := t.Context()
			if tc.answer == wait {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, 100*time.Millisecond)
				defer cancel()
			}
			retry, err := s.sender(s.listener.Addr().String()).Send(ctx, waiting("a@example.org"))
			if retry != tc.retry || (err == nil) != tc.sent {
				t.Errorf("retry %t, error %v", retry, err)
			}
		})
	}
}

func TestMailReadsAsItWasWritten(t *testing.T) {
	s := newSMTPServer(t)
	if _, err := s.sender(s.listener.Addr().String()).Send(t.Context(), waiting("a@example.org")); err != nil {
		t.Fatal(err)
	}
	mails, lines := s.received()
	m, err := mail.ReadMessage(strings.NewReader(mails[0]))
	if err != nil {
		t.Fatal(err)
	}
	for header, want := range map[string]string{
		"Message-Id": "<alert-7@xunqin.example>", "Date": "Fri, 02 Jan 2026 03:04:05 +0000", "Auto-Submitted": "auto-generated",
		"Content-Language": "zh-CN", "To": "<a@example.org>", "User-Agent": "", "X-Mailer": "",
	} {
		if got := m.Header.Get(header); got != want {
			t.Errorf("%s: %q, want %q", header, got, want)
		}
	}
	if lines[0] != "EHLO xunqin.example" {
		t.Errorf("greeted with %q", lines[0])
	}
}

// elsewhere is a connection that seems to lead away from this machine.
type elsewhere struct{ net.Conn }

func (elsewhere) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 25} }

func TestPlainMailStaysOnThisMachine(t *testing.T) {
	s := newSMTPServer(t)
	m := s.sender("localhost:25")
	dial := m.Dial
	m.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		return elsewhere{conn}, err
	}
	if retry, err := m.Send(t.Context(), waiting("a@example.org")); !retry || err == nil {
		t.Errorf("retry %t, error %v", retry, err)
	}
	if _, lines := s.received(); len(lines) != 0 {
		t.Errorf("said %q", lines)
	}
}

func TestMailIsEncryptedOrNotSent(t *testing.T) {
	for _, tc := range []struct {
		name, host         string
		starttls, implicit bool
		sent               bool
	}{
		{"STARTTLS", "example.com:587", true, false, true},
		{"STARTTLS without a port", "example.com", true, false, true},
		{"STARTTLS is not offered", "example.com:587", false, false, false},
		{"certificate of another name", "example.org:587", true, false, false},
		{"from the first byte", "example.com:465", false, true, true},
		{"certificate of another name, from the first byte", "example.org:465", false, true, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newSMTPServer(t)
			s.starttls, s.implicit, s.auth = tc.starttls, tc.implicit, "desk\x00secret"
			m := s.sender(tc.host)
			for _, user := range []string{"", "desk"} {
				m.User, m.Password = user, "secret"
				retry, err := m.Send(t.Context(), waiting("a@example.org"))
				if (err == nil) != tc.sent || retry == tc.sent {
					t.Errorf("as %q: retry %t, error %v", user, retry, err)
				}
			}
			if _, lines := s.received(); !tc.sent && strings.Contains(strings.Join(lines, "\n"), "AUTH") {
				t.Errorf("a password was sent: %q", lines)
			}
		})
	}
}

func TestWrongPasswordIsTriedAgain(t *testing.T) {
	s := newSMTPServer(t)
	s.auth = "desk\x00secret"
	m := s.sender(s.listener.Addr().String())
	m.User, m.Password = "desk", "wrong"
	if retry, err := m.Send(t.Context(), waiting("a@example.org")); !retry || err == nil || strings.Contains(err.Error(), "wrong") {
		t.Errorf("retry %t, error %v", retry, err)
	}
	m.Password = "secret"
	if retry, err := m.Send(t.Context(), waiting("a@example.org")); retry || err != nil {
		t.Errorf("retry %t, error %v", retry, err)
	}
}
