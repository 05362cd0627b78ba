package notify

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"net/netip"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// mailStep is the longest wait for one answer of a mail server.
const mailStep = 30 * time.Second

// Mail sends through one mail server. Port 465 is encrypted from the first
// byte; on all others STARTTLS is required. A server on this machine, named
// localhost or by a loopback address, is spoken to in plain text instead. The
// Message-ID of a mail is the ID of the message at the domain of From.
type Mail struct {
	Host     string // host or host:port; without a port 587
	From     string // an address, with or without a name
	User     string // empty for no authentication
	Password string
	// Dial is the program's one way out and must be given.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	TLS  *tls.Config // nil trusts the system's roots for Host
}

// Send hands m to the server. A refusal of the recipient or the text with a
// code of 5xx is final. All else is a retry: a code of 4xx, and what goes
// wrong before the recipient is named, which settings can mend.
func (s *Mail) Send(ctx context.Context, m Message) (retry bool, err error) {
	msg, domain, err := s.message(m)
	if err != nil {
		return false, fmt.Errorf("mail: %w", err)
	}
	host, port, err := s.server()
	if err != nil {
		return true, fmt.Errorf("mail: %w", err)
	}
	// go-mail leaves a connection open where it fails early, and its context
	// ends with dialling; here both last as long as the exchange.
	var opened net.Conn
	watch := func() bool { return true }
	defer func() {
		watch()
		if opened != nil {
			opened.Close() // the outcome is known
		}
	}()
	options := []gomail.Option{
		gomail.WithPort(port), gomail.WithTimeout(mailStep), gomail.WithHELO(domain), gomail.WithoutNoop(), gomail.WithTLSConfig(s.tlsConfig(host)),
		gomail.WithDialContextFunc(func(dialing context.Context, network, addr string) (net.Conn, error) {
			conn, err := s.dial(dialing, network, addr)
			if err == nil {
				opened = conn
				watch = context.AfterFunc(ctx, func() { conn.Close() })
			}
			return conn, err
		}),
	}
	method := gomail.SMTPAuthAutoDiscover
	switch {
	case loopback(host):
		method = gomail.SMTPAuthPlainNoEnc
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	case port == 465:
		// The connection is encrypted already; this only makes go-mail look.
		options = append(options, gomail.WithTLSPolicy(gomail.TLSOpportunistic))
	default:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	if s.User != "" {
		options = append(options, gomail.WithSMTPAuth(method), gomail.WithUsername(s.User), gomail.WithPassword(s.Password))
	}
	client, err := gomail.NewClient(host, options...)
	if err != nil {
		return true, fmt.Errorf("mail: %w", err)
	}
	err = client.DialAndSendWithContext(ctx, msg)
	if msg.IsDelivered() {
		return false, nil // the server answered 250; how the parting went is nothing to us
	}
	if err == nil {
		return true, errors.New("mail: not delivered")
	}
	if ctx.Err() != nil {
		return true, fmt.Errorf("mail: %w", context.Cause(ctx))
	}
	var refused *gomail.SendError
	if !errors.As(err, &refused) {
		return true, fmt.Errorf("mail: %w", err)
	}
	// Its text names the recipient.
	code := refused.ErrorCode()
	err = fmt.Errorf("mail: %s: %s", refused.Reason, answer(code))
	switch refused.Reason {
	case gomail.ErrSMTPRcptTo, gomail.ErrSMTPData, gomail.ErrSMTPDataClose:
		return code < 500, err
	}
	return true, err
}

func answer(code int) string {
	if code == 0 {
		return "connection lost"
	}
	return "answer " + strconv.Itoa(code)
}

func (s *Mail) server() (host string, port int, err error) {
	if s.Dial == nil {
		return "", 0, errors.New("no dialer")
	}
	host, written, err := net.SplitHostPort(s.Host)
	if err != nil {
		return strings.Trim(s.Host, "[]"), 587, nil
	}
	port, err = strconv.Atoi(written)
	if err != nil {
		return "", 0, fmt.Errorf("bad port %q", written)
	}
	return host, port, nil
}

func (s *Mail) tlsConfig(host string) *tls.Config {
	config := &tls.Config{}
	if s.TLS != nil {
		config = s.TLS.Clone()
	}
	config.MinVersion = max(config.MinVersion, tls.VersionTLS12)
	config.ServerName = cmp.Or(config.ServerName, host)
	return config
}

// loopback reports that a host is this machine by its name alone.
func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

func (s *Mail) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := s.Dial(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		conn.Close() // nothing was written to it
		return nil, err
	}
	switch {
	case loopback(host):
		// A name is a promise of the resolver; the address is what counts.
		if remote, err := netip.ParseAddrPort(conn.RemoteAddr().String()); err != nil || !remote.Addr().Unmap().IsLoopback() {
			conn.Close() // nothing was written to it
			return nil, errors.New("unencrypted mail goes to loopback only")
		}
	case port == "465":
		encrypted := tls.Client(conn, s.tlsConfig(host))
		if err := encrypted.HandshakeContext(ctx); err != nil {
			conn.Close() // the handshake's error says more
			return nil, fmt.Errorf("TLS: %w", err)
		}
		return encrypted, nil
	}
	return conn, nil
}

// message builds the mail, and the domain it is sent for.
func (s *Mail) message(m Message) (*gomail.Msg, string, error) {
	if err := m.check(); err != nil {
		return nil, "", err
	}
	from, err := netmail.ParseAddress(s.From)
	if err != nil {
		return nil, "", errors.New("bad sender address")
	}
	to, err := netmail.ParseAddress(m.To)
	if err != nil {
		return nil, "", fmt.Errorf("%w: bad recipient address", errMessage)
	}
	domain := from.Address[strings.LastIndex(from.Address, "@")+1:]
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	msg.FromMailAddress(from)
	msg.ToMailAddress(to)
	msg.SetMessageIDWithValue(m.ID + "@" + domain)
	msg.SetDateWithValue(m.At)
	msg.Subject(m.Subject)
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // no answers from absence notices
	msg.SetGenHeader("Content-Language", m.Lang)
	msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	return msg, domain, nil
}
