package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"xunqin/cmd/xunqin/internal/app"
)

type backupCmd struct {
	File string `arg:"" help:"Where to write it; must not exist. Keys are not in it: they have a backup of their own beside them."`
}

func (c *backupCmd) run(ctx context.Context, e *Env, a *app.App) (err error) {
	path := e.path(c.File)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	n, err := a.Backup(ctx, f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(path)) // half a backup is none
	}
	return e.print(n, func(w io.Writer) { fmt.Fprintln(w, e.T("cli.backedup", "file", c.File, "pictures", n.Pictures)) })
}

type restoreCmd struct {
	File string `arg:"" help:"A backup."`
	From string `help:"The data folder whose erasures since the backup are applied before anything is served." placeholder:"DIR"`
}

func (c *restoreCmd) runAlone(ctx context.Context, e *Env, o app.Options) error {
	f, err := openFile(e.path(c.File))
	if err != nil {
		return err
	}
	defer f.Close()
	from := c.From
	if from != "" {
		from = e.path(from)
	}
	n, err := app.Restore(ctx, o, e.Log, f, from)
	if err != nil {
		return err
	}
	return e.print(n, func(w io.Writer) { fmt.Fprintln(w, e.T("cli.restored", "pictures", n.Pictures, "erased", n.Erased)) })
}
