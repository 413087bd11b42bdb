"""For developers: benchmarks, fuzzer, kills, tables of the documentation, drawn faces, the zoo. Nothing shipped imports this."""
