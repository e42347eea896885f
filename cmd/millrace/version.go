package main

import (
	"encoding/json"
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"millrace/model"
)

// version is set by the linker: -ldflags "-X main.version=…".
var version = "dev"

// release is what this program is, as JSON.
type release struct {
	Version string `json:"version"`
	Go      string `json:"go"`      // release that it was built with
	Profile string `json:"profile"` // numeric: architecture and kernels
}

func (a *app) version() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version, the Go release and the numeric profile",
		Example: "  millrace version --output json",
		Args:    exactly(0, "no arguments"),
		RunE:    func(*cobra.Command, []string) error { return a.printVersion() },
	}
}

func (a *app) printVersion() error {
	asJSON, err := a.json()
	if err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(a.out).Encode(release{version, runtime.Version(), model.Profile()})
	}
	_, err = fmt.Fprintf(a.out, "millrace %s, %s, %s\n", version, runtime.Version(), model.Profile())
	return err
}
