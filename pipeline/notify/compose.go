package notify

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// An Alert is all that a message is made of: ids, and words of the program.
// There is no field for a place, a name or a query, so none can be passed on
// by mistake.
type Alert struct {
	ID, To, Secret string // as in Message
	Kind           string // of what is new: "post" or "lead"
	Query          string // id of the saved query, empty for leads
	Lang           string // "zh-CN"; all else is English
	BaseURL        string // of the desk: scheme, host and a plain path; empty when it is not known
	At             time.Time
}

// deskPath keeps words out of the path: addresses of the desk are ASCII names.
var deskPath = regexp.MustCompile(`^[A-Za-z0-9/_\-]{0,200}$`)

func deskURL(u *url.URL) bool {
	return (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" && u.Opaque == "" &&
		u.User == nil && u.RawQuery == "" && u.Fragment == "" && u.RawPath == "" && deskPath.MatchString(u.Path)
}

// queryID is the shape of the record's ids. What has another could be words.
var queryID = regexp.MustCompile(`^[a-z2-7]{26}$`)

// Compose makes the message of an alert. One whose BaseURL is not plain comes
// out as a message that no Sender sends.
func Compose(a Alert) Message {
	m := Message{ID: a.ID, To: a.To, Secret: a.Secret, Lang: "en", URL: a.BaseURL, At: a.At}
	zh := a.Lang == "zh-CN"
	if zh {
		m.Lang = "zh-CN"
	}
	pick := func(english, chinese string) string {
		if zh {
			return chinese
		}
		return english
	}
	var text strings.Builder
	switch {
	case a.Kind == "lead":
		m.Subject = pick("xunqin: an unchecked lead waits", "寻亲：有一条待核线索")
		text.WriteString(pick("An unchecked lead waits for you.\n", "有一条待核线索等您查看。\n"))
	case queryID.MatchString(a.Query):
		m.Subject = pick("xunqin: something new in a saved query", "寻亲：您保存的检索有新内容")
		fmt.Fprintf(&text, pick("There is something new in your saved query %s.\n", "您保存的检索（编号 %s）有新内容。\n"), a.Query)
	default:
		m.Subject = pick("xunqin: something new", "寻亲：有新内容")
		text.WriteString(pick("There is something new at the desk.\n", "工作台有新内容。\n"))
	}
	if a.BaseURL == "" {
		text.WriteString(pick("Sign in to look.\n\n", "请登录后查看。\n\n"))
	} else {
		fmt.Fprintf(&text, pick("Sign in to look:\n%s\n\n", "请登录后查看：\n%s\n\n"), a.BaseURL)
	}
	text.WriteString(pick("Nothing of it is checked. To protect the children this notice holds no picture, name or place; please do not pass it on.\n",
		"内容未经核实。为保护孩子，本通知不含照片、姓名和地点，请勿转发。\n"))
	m.Text = text.String()
	return m
}
