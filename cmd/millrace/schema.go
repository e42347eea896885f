package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"millrace/config"
)

func (a *app) schema() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the pipeline file's JSON Schema, for editors",
		Long: `Print the JSON Schema of pipeline files. With the YAML language server, write it to a file and begin
the pipeline file with:  # yaml-language-server: $schema=millrace.schema.json`,
		Example: "  millrace schema > millrace.schema.json",
		Args:    exactly(0, "no arguments"),
		RunE: func(*cobra.Command, []string) error {
			schema, err := config.Schema()
			if err != nil {
				return fmt.Errorf("generating the schema: %w", err)
			}
			_, err = fmt.Fprintln(a.out, string(schema))
			return err
		},
	}
}
