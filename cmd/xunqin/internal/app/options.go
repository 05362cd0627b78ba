package app

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"path/filepath"
	"strings"
)

// Options are the settings of the program: one struct that is flags, environment and file at once. The zero value of each
// means its default.
type Options struct {
	Data       string   `help:"Folder of record, pictures and index." default:"xunqin-data" env:"XUNQIN_DATA" placeholder:"DIR"`
	Keys       string   `help:"Folder of the keys, apart from the data and its backups." default:"xunqin-keys" env:"XUNQIN_KEYS" placeholder:"DIR"`
	Database   string   `help:"PostgreSQL URL of the record in place of a file in the data folder." env:"XUNQIN_DATABASE" placeholder:"URL"`
	Contact    string   `help:"Mail address or page of whoever runs this; crawled sites see it. Without one nothing beyond this machine is crawled." env:"XUNQIN_CONTACT"`
	BaseURL    string   `help:"Address under which people reach the desk, for links in alerts." env:"XUNQIN_BASE_URL" placeholder:"URL"`
	Policy     string   `help:"File with lives and limits that differ from the built-in ones." env:"XUNQIN_POLICY" type:"path"`
	AllowCIDRs []string `name:"allow-cidrs" help:"Address ranges the program may connect to although they are not public." env:"XUNQIN_ALLOW_CIDRS" placeholder:"CIDR"`
	AllowPorts []uint16 `help:"Ports beside 80 and 443 the program may connect to." env:"XUNQIN_ALLOW_PORTS" placeholder:"PORT"`

	Index               string   `help:"Engine of the index: embedded, a file in the data folder; or elastic, Elasticsearch 8.15 or newer." default:"embedded" enum:"embedded,elastic" env:"XUNQIN_INDEX"`
	ElasticHost         []string `help:"Address of Elasticsearch; several are asked in turn." env:"XUNQIN_ELASTIC_HOST" placeholder:"URL"`
	ElasticUser         string   `help:"User name at Elasticsearch." env:"XUNQIN_ELASTIC_USER"`
	ElasticPasswordFile string   `help:"File that holds the password at Elasticsearch." env:"XUNQIN_ELASTIC_PASSWORD_FILE" type:"path"`
	ElasticAPIKeyFile   string   `name:"elastic-api-key-file" help:"File that holds an API key of Elasticsearch, in place of user and password." env:"XUNQIN_ELASTIC_API_KEY_FILE" type:"path"`
	ElasticCA           string   `name:"elastic-ca" help:"File with the certificates that sign those of Elasticsearch, in PEM." env:"XUNQIN_ELASTIC_CA" type:"path"`
	ElasticIndex        string   `help:"Name of the index at Elasticsearch." default:"xunqin" env:"XUNQIN_ELASTIC_INDEX" placeholder:"NAME"`
	ElasticShards       int      `help:"Shards of an index that is made." default:"1" env:"XUNQIN_ELASTIC_SHARDS"`
	ElasticReplicas     int      `help:"Copies of each shard of an index that is made." default:"0" env:"XUNQIN_ELASTIC_REPLICAS"`

	MailHost         string `help:"SMTP server for alerts, host:port." env:"XUNQIN_MAIL_HOST" placeholder:"HOST:PORT"`
	MailFrom         string `help:"Sender's address of alerts." env:"XUNQIN_MAIL_FROM"`
	MailUser         string `help:"User name at the SMTP server." env:"XUNQIN_MAIL_USER"`
	MailPasswordFile string `help:"File that holds the password at the SMTP server." env:"XUNQIN_MAIL_PASSWORD_FILE" type:"path"`

	LogLevel string `help:"debug, info, warn or error." default:"info" enum:"debug,info,warn,error" env:"XUNQIN_LOG_LEVEL"`
}

// cidrs reads AllowCIDRs.
func (o Options) cidrs() ([]netip.Prefix, error) {
	var list []netip.Prefix
	for _, s := range o.AllowCIDRs {
		p, err := netip.ParsePrefix(strings.TrimSpace(s))
		if err != nil {
			return nil, &Trouble{Code: "range", Detail: "allow_cidrs: " + s, Err: err}
		}
		list = append(list, p)
	}
	return list, nil
}

// check refuses settings that would put the keys where the data and its backups are.
func (o Options) check() error {
	data, err := realPath(o.Data)
	if err != nil {
		return err
	}
	keys, err := realPath(o.Keys)
	if err != nil {
		return err
	}
	if data == keys || strings.HasPrefix(keys, data+string(filepath.Separator)) || strings.HasPrefix(data, keys+string(filepath.Separator)) {
		return &Trouble{Code: "keys-inside", Detail: o.Keys}
	}
	return nil
}

// Trouble is an error about settings or folders that whoever runs the program can mend.
type Trouble struct {
	Code   string // a machine word: range, keys-inside, keys-lost, keys-other, index-other, elastic-..., no-engine, not-empty, no-backup, no-record, postgres
	Detail string // what it is about
	Err    error
}

func (t *Trouble) Error() string {
	s := t.Code + ": " + t.Detail
	if t.Err != nil {
		s += ": " + t.Err.Error()
	}
	return s
}

// Unwrap gives the cause.
func (t *Trouble) Unwrap() error { return t.Err }

// realPath is the absolute path of a folder, links followed as far as it exists.
func realPath(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	rest := ""
	for {
		found, err := filepath.EvalSymlinks(dir)
		if err == nil {
			return filepath.Join(found, rest), nil
		}
		if !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			return "", fmt.Errorf("folder %s: %w", dir, err)
		}
		rest, dir = filepath.Join(filepath.Base(dir), rest), filepath.Dir(dir)
	}
}

// dsn is where the record is.
func (o Options) dsn() string {
	if o.Database != "" {
		return o.Database
	}
	return filepath.Join(o.Data, "xunqin.db")
}
