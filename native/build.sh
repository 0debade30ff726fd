#!/bin/sh
# Compiles native/*.c into one shared library, each kernel file once per instruction set.
#   build.sh OBJECTS OUT      objects are kept in OBJECTS; the library goes to OUT/<os>-<arch>/
echo "placeholder: no kernels yet"
