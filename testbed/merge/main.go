// Command merge is the authority on Helm's client-side three-way merge: Kubernetes' own Go code, as Helm 4.3.1 links it.
//
//	merge table                        the patch metadata of every built-in kind, as core/src/merge/schema.txt holds it
//	merge generate [-seed S] [-count N] triples made up from the API types, one JSON object a line, with the answers
//	merge answer                       the same for triples read from standard input
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "merge:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	defer out.Flush()
	if len(args) == 0 {
		return fmt.Errorf("one of table, generate and answer is expected")
	}
	switch args[0] {
	case "table":
		return writeTable(out)
	case "generate":
		flags := flag.NewFlagSet("generate", flag.ContinueOnError)
		seed := flags.Uint64("seed", 1, "what the triples depend on")
		count := flags.Int("count", 1000, "how many")
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		g := newGenerator(rand.New(rand.NewPCG(*seed, 0)))
		for range *count {
			if err := writeAnswered(out, g.triple()); err != nil {
				return err
			}
		}
		return nil
	case "answer":
		in := json.NewDecoder(bufio.NewReaderSize(os.Stdin, 1<<20))
		for {
			var t triple
			if err := in.Decode(&t); err == io.EOF {
				return nil
			} else if err != nil {
				return err
			}
			if err := writeAnswered(out, t); err != nil {
				return err
			}
			if err := out.Flush(); err != nil {
				return err
			}
		}
	default:
		return fmt.Errorf("unknown command %q", args[0])
	}
}

func writeAnswered(out *bufio.Writer, t triple) error {
	t.Outcomes = outcomes(t)
	line, err := json.Marshal(t)
	if err != nil {
		return err
	}
	_, err = out.Write(append(line, '\n'))
	return err
}
