// Package lines prints what a program of the suite has to tell: one JSON object a line on stdout, and nothing else there.
package lines

import (
	"encoding/json"
	"fmt"
	"os"
	"sync"
)

var mutex sync.Mutex

// Print writes one event, whole, whoever else prints at the time. A reader that is gone ends the program: nobody
// is left to run it for.
func Print(event any) {
	line, err := json.Marshal(event)
	if err != nil {
		panic(err) // events are made of strings and numbers
	}
	mutex.Lock()
	defer mutex.Unlock()
	if _, err := os.Stdout.Write(append(line, '\n')); err != nil {
		fmt.Fprintln(os.Stderr, "cannot write events to stdout:", err)
		os.Exit(1)
	}
}
