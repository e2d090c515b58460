module refloat.dev/testbed/killproxy

go 1.26
