module refloat.dev/testbed/webhook

go 1.26.0
