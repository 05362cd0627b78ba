// Command xunqin finds every copy of a photo of a street child, and brings the ones that were reported missing to people who
// check them. `xunqin --help` lists the commands; `xunqin serve --demo` shows it all on invented data.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"xunqin/cmd/xunqin/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := cli.Run(ctx, cli.Process(), os.Args[1:])
	stop()
	os.Exit(status)
}
