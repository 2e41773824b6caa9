// Package lines prints what a program of the suite has to tell: one JSON object a line on stdout, and nothing else there.
package lines

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"sync"
)

var mutex sync.Mutex

// Print writes one event, whole, whoever else prints at the time. A reader that is gone ends the program: nobody
// is left to run it for.
func Print(event any) {
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false) // errors say a->b
	if err := encoder.Encode(event); err != nil {
		panic(err) // events are made of strings and numbers
	}
	mutex.Lock()
	defer mutex.Unlock()
	if _, err := os.Stdout.Write(line.Bytes()); err != nil {
		fmt.Fprintln(os.Stderr, "cannot write events to stdout:", err)
		os.Exit(1)
	}
}
