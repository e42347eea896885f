package files_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"millrace/files"
)

// A file's rows come as records that hold JSON objects, as a topic's events do. A row that cannot be read comes as
// well: its fault says where it stands and why.
func Example() {
	folder, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "payments.csv")
	text := "amount,country,outcome\n12.5,SE,legit\n,DE,fraud\n7,FR\n80,NA,legit\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	source, err := files.Open(path, files.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer source.Close()
	for {
		batch, err := source.Next(context.Background())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		for i := range batch.Records {
			record := &batch.Records[i]
			if record.Fault != nil {
				fmt.Println("left out:", record.Fault.Detail)
				continue
			}
			fmt.Printf("row %d: %s\n", record.Offset, record.Value)
		}
		batch.Release() // its memory holds the next batch
	}
	fmt.Println(source.Faults(), "fault")
	// Output:
	// row 0: {"amount":12.5,"country":"SE","outcome":"legit"}
	// row 1: {"country":"DE","outcome":"fraud"}
	// left out: payments.csv:4: 2 cells where the header names 3
	// row 3: {"amount":80,"country":"NA","outcome":"legit"}
	// 1 fault
}
